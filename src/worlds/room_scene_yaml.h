#pragma once

#include <filesystem>

#include "mmi/worlds/rooms/scene.h"

namespace mmi::worlds::rooms {

/// The YAML description of scene_io.h, in the unit of the file. ConfigError.
Scene read_scene_yaml(const std::filesystem::path& path);

}  // namespace mmi::worlds::rooms
