#pragma once

#include <cstdint>
#include <string>

#include "mmi/base/config.h"

namespace mmi::models::codec {

struct FolderSoundsConfig {
  std::string path;
  double valid_share = 0.05;
  double test_share = 0.1;
  std::int64_t memory_mb = 4096;

  static const config::Schema& schema();
};

void register_folder_sounds();

}  // namespace mmi::models::codec
