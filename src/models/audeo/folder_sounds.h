#pragma once

#include <string>

#include "mmi/base/config.h"
#include "mmi/models/audeo/sounds.h"

namespace mmi::models::audeo {

struct FolderSoundsConfig {
  std::string root;
  bool sustain_pedal = true;
  double valid_share = 0.1;
  double test_share = 0.1;

  static const config::Schema& schema();
};

void register_folder_sounds();

}  // namespace mmi::models::audeo
