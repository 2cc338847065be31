#pragma once

#include <string>

#include "mmi/base/config.h"
#include "models/xrir/known_rooms.h"

namespace mmi::models::xrir {

struct HaaRoomsConfig {
  std::string root;
  std::string room = "classroom";
  TrainOn train_on = TrainOn::kRoom;

  static const config::Schema& schema();
};

void register_haa_rooms();

}  // namespace mmi::models::xrir
