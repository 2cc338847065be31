#pragma once

#include <cstdint>
#include <string>

#include "mmi/base/config.h"

namespace mmi::models::xrir {

struct FolderRoomsConfig {
  std::string root;
  std::int64_t valid_rooms = 10;
  bool legacy_ref_pool = false;

  static const config::Schema& schema();
};

void register_folder_rooms();

}  // namespace mmi::models::xrir
