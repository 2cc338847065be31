#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "mmi/task/task.h"

namespace mmi::runs {

/// What a run scored, kept in its folder, so that a table that was stopped goes on where it was.
/// Scores count for the source revision that made them alone: metrics may have changed since.
struct SavedScores {
  std::filesystem::path run;  ///< folder; empty: nothing is kept
  std::string split;
  std::map<std::string, double> calibration;

  std::optional<Task::ItemMetrics> read() const;
  void write(const Task::ItemMetrics& items) const;

 private:
  std::filesystem::path file() const;
};

}  // namespace mmi::runs
