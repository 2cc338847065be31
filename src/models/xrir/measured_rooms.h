#pragma once

#include <cstdint>
#include <string>

#include "mmi/base/config.h"
#include "models/xrir/known_rooms.h"

namespace mmi::models::xrir {

struct MeasuredRoomsConfig {
  std::string room = "classroom";
  TrainOn train_on = TrainOn::kRoom;
  std::uint64_t seed = 1;
  std::int64_t microphones = 120;
  std::int64_t rays = 20000;
  std::string cache = "auto";

  static const config::Schema& schema();
};

void register_measured_rooms();

}  // namespace mmi::models::xrir
