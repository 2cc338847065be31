#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "mmi/base/api.h"

namespace mmi::train {

/// A run's `metrics.jsonl` (the truth: one object per line) and `metrics.csv` (step, split, name,
/// value: derived, for spreadsheets). Lines later than `resume_step` are cut when a training
/// continues.
class MMI_API MetricLog {
 public:
  MetricLog(std::filesystem::path run, std::int64_t resume_step);

  using Values = std::vector<std::pair<std::string, double>>;

  /// `split`: "train", "valid", "test".
  void write(std::int64_t step, const std::string& split, const Values& values);

  struct Line {
    std::int64_t step;
    std::string split;
    Values values;
  };

  static std::vector<Line> read(const std::filesystem::path& run);

 private:
  std::filesystem::path jsonl_;
  std::filesystem::path csv_;
};

}  // namespace mmi::train
