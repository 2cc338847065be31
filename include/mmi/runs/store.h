#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/runs/config.h"
#include "mmi/task/task.h"

namespace mmi::runs {

/// What `run.json` of a run directory says.
struct RunInfo {
  std::filesystem::path path;
  std::string id;
  std::string task;
  std::string preset;
  bool finished = false;
  std::int64_t steps = 0;
  double seconds = 0;
  std::string revision;                        ///< of the sources that trained it
  std::string started;                         ///< ISO 8601, UTC
  std::map<std::string, std::string> parents;  ///< need → path below the store
  std::string best_metric;
  double best_value = 0;
  std::map<std::string, double> calibration;
};

/// A run with its networks in memory, weights loaded, in eval mode.
struct Run {
  RunInfo info;
  RunConfig config;
  std::shared_ptr<Task> task;
  std::map<std::string, std::shared_ptr<Run>> parents;
};

struct TrainOptions {
  bool again = false;                 ///< train a finished run once more
  std::function<bool()> stop = {};    ///< see Trainer::set_stop
  std::filesystem::path resume = {};  ///< a checkpoint of the run; default: the newest intact one
};

/// A folder of runs: `<store>/<task>-<id>/`. The id is a hash of the configuration without cosmetic
/// settings, the data fingerprint and the parents' ids, so what is finished is found again.
///   run/{config.yaml,run.json,metrics.jsonl,metrics.csv,report.html} checkpoints/ eval/ samples/
class MMI_API Store {
 public:
  /// Default: $MMI_RUNS, else "runs" in the working directory.
  explicit Store(std::filesystem::path root = {});

  const std::filesystem::path& root() const {
    return root_;
  }

  /// Trains what is missing, parents first, and returns the run loaded. Finished runs are reused;
  /// interrupted ones continue.
  std::shared_ptr<Run> train(const Stage& stage, const TrainOptions& options = {});

  /// Builds the task and tries two steps; nothing is trained or written. Parents that are not
  /// finished stand in with their first weights.
  train::Rehearsal rehearse(const Stage& stage);

  std::vector<RunInfo> list() const;

  /// A run directory or bundle by path, or a run of this store by id, id prefix, or directory name.
  std::filesystem::path find(const std::string& reference) const;

  /// Deletes a run; refuses when another run of the store needs it.
  void remove(const std::string& reference);

 private:
  std::shared_ptr<Run> prepare(
      const Stage& stage, const std::map<std::string, std::shared_ptr<Run>>& parents) const;

  std::filesystem::path root_;
};

/// The task of a configuration, with the weights that its training begins with. `parents`: the
/// finished tasks that `needs` names.
MMI_API std::shared_ptr<Task> build_task(
    const RunConfig& config, const std::map<std::string, std::shared_ptr<Task>>& parents);

/// Reads a run or bundle and its parents.
MMI_API std::shared_ptr<Run> open(
    const std::filesystem::path& path, const std::string& device = "auto");

MMI_API RunInfo read_info(const std::filesystem::path& run);

/// Scores on "valid" or "test"; also written to `<run>/eval/<split>.json`.
MMI_API Metrics evaluate(Run& run, const std::string& split);

/// Copies the best weights of a run and its parents into a folder that `open` reads.
MMI_API void export_bundle(const std::filesystem::path& run, const std::filesystem::path& out);

/// Writes `<run>/report.html` (curves, scores, configuration) and returns its path.
MMI_API std::filesystem::path write_report(const std::filesystem::path& run);

/// A page on two runs: settings that differ, curves in one picture, scores, and what both made of
/// the same inputs: samples of one name, and `input` when given, which both generate from first.
/// `out` empty: `<a>/compare_<name of b>.html`. Returns its path.
MMI_API std::filesystem::path write_comparison(
    const std::filesystem::path& a,
    const std::filesystem::path& b,
    const std::filesystem::path& input = {},
    const std::filesystem::path& out = {});

}  // namespace mmi::runs
