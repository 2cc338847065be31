#pragma once

#include <cstdint>
#include <memory>

#include "mmi/base/config.h"
#include "mmi/task/tool.h"

namespace mmi::models::xrir {

struct RoomsMakeConfig {
  std::uint64_t seed = 1;
  std::int64_t rooms = 20;
  std::int64_t first = 0;
  std::int64_t sources = 10;
  std::int64_t receivers = 12;
  std::int64_t samples = 9600;
  std::int64_t rays = 20000;

  static const config::Schema& schema();
};

/// `mmi rooms make`: rooms of the world in the layout of AcousticRooms.
std::shared_ptr<Tool> make_rooms_make(const RoomsMakeConfig& config);

}  // namespace mmi::models::xrir
