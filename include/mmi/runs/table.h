#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/metrics/bootstrap.h"
#include "mmi/runs/store.h"

namespace mmi::runs {

/// What is done about a row: our system is trained and scored; another team's figures are printed
/// and never compared; or weights that nobody can fetch here would be needed.
enum class RowStatus { kRun, kQuoted, kNeedsWeights };

struct MMI_API ColumnConfig {
  std::string metric;  ///< of Task::evaluate_items
  std::string label;
  bool higher = true;  ///< larger is better
  bool ranked = true;  ///< false: nothing is better or worse about it
  int digits = 1;

  static const config::Schema& schema();
};

struct MMI_API RowConfig {
  std::string name;
  RowStatus status = RowStatus::kRun;
  std::string config;                         ///< file, relative to the table's
  std::vector<std::string> overrides;         ///< "task.input=binary", …
  std::vector<std::string> data;              ///< with a real dataset; "{data}" is its folder
  std::map<std::string, double> calibration;  ///< instead of what the run calibrated
  std::map<std::string, double> paper;        ///< metric → published figure
  bool world_only = false;                    ///< needs a truth that no real dataset has
  std::string note;

  static const config::Schema& schema();
};

/// A claim of the paper: `better` is ahead of `worse` in `metric` by more than `margin`.
struct MMI_API OrderingConfig {
  std::string metric;
  std::string better;  ///< rows
  std::string worse;
  double margin = 0;

  static const config::Schema& schema();
};

/// The content of `configs/<system>/tables/<id>.yaml`.
struct MMI_API TableConfig {
  std::string id;  ///< "3.1"
  std::string title;
  std::string split = "test";
  std::string note;
  std::vector<ColumnConfig> columns;
  std::vector<RowConfig> rows;
  std::vector<OrderingConfig> orderings;

  static const config::Schema& schema();
};

/// A table and where it was read: its rows' files are relative to that.
struct TableFile {
  std::filesystem::path path;
  TableConfig config;
};

/// Reads and checks the table named by a file or by its number ("3.1").
MMI_API TableFile read_table(const std::string& name);

/// A table of the thesis (configs/tables.yaml).
struct MMI_API ThesisTable {
  std::string id;
  std::string system;
  std::string title;
  std::filesystem::path file = {};  ///< what makes it; empty while its system is not built

  static const config::Schema& schema();
};

/// All of them, in order.
MMI_API std::vector<ThesisTable> thesis_tables();

struct TableOptions {
  std::string preset = "small";
  std::vector<std::string> rows;       ///< names; empty: all
  std::vector<std::string> overrides;  ///< for every row
  std::filesystem::path data;          ///< a real dataset in its published layout
  int seeds = 3;                       ///< 1 … n
  /// Trainings at a time, each in a process of its own; they share the cores. What a network learns
  /// depends a little on its number of threads (dropout), so "threads=1" among the overrides makes
  /// the same table with any number of jobs.
  int jobs = 1;
  std::string program;  ///< of these processes; `jobs` > 1 needs it
  std::function<bool()> stop = {};
  std::filesystem::path samples = {};  ///< a folder for what rows have to show; empty: nothing
};

/// A mean over items and seeds with its interval over both.
struct Score {
  double mean = 0;
  double low = 0;
  double high = 0;
};

struct RowResult {
  RowConfig config;
  std::map<std::string, Score> scores;               ///< by metric
  std::map<std::string, metrics::ItemScores> items;  ///< by metric: [item][seed]
  std::vector<std::filesystem::path> runs;           ///< one a seed
  std::vector<Artifact> samples;                     ///< of the first seed
  double seconds = 0;                                ///< of training, all seeds
};

struct OrderingResult {
  std::string text;
  int digits = 1;                               ///< of the difference, after the point
  std::optional<metrics::Interval> difference;  ///< none when a row was not run
  std::string verdict;                          ///< holds, fails, undecided, not run
};

struct TableResult {
  TableConfig config;
  std::string preset;
  int seeds = 0;
  double seconds = 0;  ///< of this call
  std::vector<RowResult> rows;
  std::vector<OrderingResult> orderings;
};

/// Trains what is missing, scores every run row on every item, and judges the orderings by a paired
/// hierarchical bootstrap over items and seeds. Finished runs are reused, interrupted ones
/// continue.
MMI_API TableResult
make_table(const TableFile& table, Store& store, const TableOptions& options = {});

/// Writes `<folder>/<id>.{md,csv,json,svg}`; `command` is printed as the way to repeat it.
MMI_API void write_table(
    const TableResult& result, const std::filesystem::path& folder, const std::string& command);

/// `<folder>/index.html`: every table written there.
MMI_API std::filesystem::path write_table_index(const std::filesystem::path& folder);

/// The table as text for a terminal, ours beside the paper's.
MMI_API std::string table_text(const TableResult& result);

}  // namespace mmi::runs

template <>
struct mmi::config::EnumNames<mmi::runs::RowStatus> {
  static constexpr std::array<std::pair<const char*, mmi::runs::RowStatus>, 3> names{{
      {"run", mmi::runs::RowStatus::kRun},
      {"quoted", mmi::runs::RowStatus::kQuoted},
      {"needs-weights", mmi::runs::RowStatus::kNeedsWeights},
  }};
};
