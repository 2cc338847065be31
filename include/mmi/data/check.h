#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/data/dataset.h"

namespace mmi::data {

struct CheckOptions {
  std::int64_t limit = 200;        ///< examples that are decoded, a seeded choice; 0: all
  std::uint64_t seed = 0;          ///< of the choice and of what is random in an example
  std::filesystem::path out = {};  ///< folder for pictures and sound of the samples; empty: none
};

struct CheckReport {
  std::int64_t size = 0;
  std::string fingerprint;
  std::int64_t checked = 0;

  /// Three decoded examples: index, and a line for each value.
  std::vector<std::pair<std::int64_t, std::vector<std::string>>> samples;

  std::vector<std::string> problems;         ///< one sentence each
  std::vector<std::filesystem::path> files;  ///< that were written
};

/// Decodes examples of a dataset and collects everything that a training would stumble over:
/// examples that cannot be read, names and types that differ, empty values, numbers that are not
/// finite, labels of another length. `name` begins the names of files and labels the progress bar.
/// Throws only when `options.out` cannot be written.
MMI_API CheckReport
check_dataset(const Dataset& dataset, const std::string& name, const CheckOptions& options = {});

}  // namespace mmi::data
