#pragma once

#include <cstdint>
#include <string>

#include "mmi/base/config.h"
#include "mmi/models/xrir/rir_rooms.h"

namespace mmi::models::xrir {

/// Number of the first room of "test": no other split reaches it.
inline constexpr std::int64_t kFirstTestRoom = 200'000;

struct WorldRoomsConfig {
  std::uint64_t seed = 1;
  std::int64_t train_rooms = 160;
  std::int64_t valid_rooms = 20;
  std::int64_t test_rooms = 24;
  std::int64_t receivers = 12;
  std::int64_t sources = 10;
  std::int64_t rays = 20000;
  std::string cache = "auto";

  static const config::Schema& schema();
};

void register_world_rooms();

}  // namespace mmi::models::xrir
