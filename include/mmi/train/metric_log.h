#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "mmi/base/api.h"

namespace mmi::train {

/// A run's `metrics.jsonl` (the truth: one object per line), and what is derived from it:
/// `metrics.csv` (step, split, name, value) and, when asked for, a TensorBoard event file. Lines
/// later than `resume_step` are cut when a training continues. A log that cannot be written is a
/// warning, at most once a minute: training goes on.
class MMI_API MetricLog {
 public:
  MetricLog(const std::filesystem::path& run, std::int64_t resume_step, bool tensorboard = false);

  using Values = std::vector<std::pair<std::string, double>>;

  /// `split`: "train", "valid", "test".
  void write(std::int64_t step, const std::string& split, const Values& values);

  struct Line {
    std::int64_t step;
    std::string split;
    double time_s;  ///< since 1970
    Values values;
  };

  static std::vector<Line> read(const std::filesystem::path& run);

 private:
  void append(const std::filesystem::path& path, const std::string& text);

  std::filesystem::path jsonl_;
  std::filesystem::path csv_;
  std::filesystem::path events_;  ///< empty: no TensorBoard
  std::chrono::steady_clock::time_point warned_;
};

}  // namespace mmi::train
