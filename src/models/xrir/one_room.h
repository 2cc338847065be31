#pragma once

#include <cstdint>
#include <string>

#include "mmi/base/config.h"

namespace mmi::models::xrir {

struct OneRoomConfig {
  std::int64_t room = 0;
  std::uint64_t seed = 1;
  std::int64_t receivers = 60;
  std::int64_t sources = 20;
  double known = 0.8;
  std::int64_t rays = 20000;
  std::string cache = "auto";

  static const config::Schema& schema();
};

void register_one_room();

}  // namespace mmi::models::xrir
