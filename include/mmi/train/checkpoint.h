#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/nn/optimizer.h"

namespace mmi::train {

/// Everything a training needs to continue exactly. Random numbers are functions of (seed, step),
/// so no generator state is kept.
struct Checkpoint {
  std::int64_t step = 0;
  std::string best_metric;
  double best_value = 0;
  std::int64_t best_step = -1;
  std::int64_t stale_evaluations = 0;  ///< since the last improvement, for early stopping
  int skipped = 0;                     ///< steps in a row that were not finite
  std::map<std::string, std::vector<double>> schedules;  ///< per phase
  /// Per phase: sum and count of the losses in the open epoch.
  std::map<std::string, std::pair<double, std::int64_t>> epoch_loss;
  /// Sum and count of each value since the last log line.
  std::map<std::string, std::pair<double, std::int64_t>> window;
  std::string device;
  int threads = 1;
  int world = 1;  ///< processes
  nn::NamedTensors model;
  nn::NamedTensors ema;         ///< averaged weights; empty without train.ema
  nn::NamedTensors optimizers;  ///< "<phase>/<parameter>.exp_avg", …

  /// What evaluation and generation use: the averaged weights where there are some.
  const nn::NamedTensors& weights() const {
    return ema.empty() ? model : ema;
  }
};

/// A run's `checkpoints/` folder:
///   step_00000100/{model,optim[,ema]}.safetensors trainer.json manifest.json
///   last best                                          text: a directory name
/// A checkpoint is written under a temporary name, its manifest last, synced and renamed: a step_…
/// folder is always complete. One writer at a time (the run's lock); readers need none.
class MMI_API CheckpointStore {
 public:
  explicit CheckpointStore(std::filesystem::path directory);

  /// Writes and points `last` (and `best` when `is_best`) at it; then deletes the ones that neither
  /// pointer names, keeping the newest two. CheckpointError when it cannot be written (with the
  /// space it needs and the space there is); what was saved before stays as it is.
  void save(const Checkpoint& checkpoint, bool is_best);

  /// Directory that `last` or `best` names; empty when there is none. CheckpointError when it names
  /// something else.
  std::optional<std::filesystem::path> pointer(const std::string& name) const;

  /// The checkpoint that `last` names; when it is damaged, the newest one that is not, with a
  /// warning. Empty when nothing was saved yet; CheckpointError when nothing can be read.
  std::optional<Checkpoint> newest() const;

  /// Forgets what lies after `checkpoint`, which training continues from: later checkpoints are
  /// deleted, the pointers moved back. False when its best checkpoint is gone.
  bool rewind(const Checkpoint& checkpoint);

  /// Verifies the manifest (sizes and CRC-32) and reads all of it.
  static Checkpoint load(const std::filesystem::path& directory);

 private:
  std::vector<std::string> steps() const;  ///< directory names, oldest first

  std::filesystem::path directory_;
};

}  // namespace mmi::train
