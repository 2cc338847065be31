#pragma once

#include <filesystem>
#include <string>

#include "mmi/base/config.h"
#include "mmi/models/audeo/recordings.h"

namespace mmi::models::audeo {

struct FolderRecordingsConfig {
  std::string root;
  int valid_videos = 1;

  static const config::Schema& schema();
};

void register_folder_recordings();

}  // namespace mmi::models::audeo
