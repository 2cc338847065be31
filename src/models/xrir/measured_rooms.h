#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "mmi/base/config.h"

namespace mmi::models::xrir {

enum class TrainOn {
  kRoom,   ///< the room that is asked about
  kThree,  ///< all but the dampened one, as published
};

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

template <>
struct mmi::config::EnumNames<mmi::models::xrir::TrainOn> {
  static constexpr std::array<std::pair<const char*, mmi::models::xrir::TrainOn>, 2> names{{
      {"room", mmi::models::xrir::TrainOn::kRoom},
      {"three", mmi::models::xrir::TrainOn::kThree},
  }};
};
