#pragma once

#include <string>

#include "mmi/base/config.h"

namespace mmi::models::lm {

/// Text files of a folder, those of its folders included, in the order of their names. The last
/// shares of each file are for validation and test.
struct FolderTextsConfig {
  std::string path;
  std::string endings = ".txt .md .rst";
  double valid_share = 0.05;
  double test_share = 0.05;

  static const config::Schema& schema();
};

void register_folder_texts();

}  // namespace mmi::models::lm
