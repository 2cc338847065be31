#pragma once

#include <cstdint>
#include <vector>

#include "mmi/base/config.h"
#include "mmi/models/audeo/sounds.h"

namespace mmi::models::audeo {

struct WorldSoundsConfig {
  std::uint64_t seed = 1;
  int train_pieces = 200;
  int valid_pieces = 6;
  int test_pieces = 12;
  double duration_s = 20;
  std::vector<int> programs = {0, 0, 1, 2, 3};
  double builtin_share = 0.2;
  double pedal_share = 0.5;
  double room_share = 0.6;

  static const config::Schema& schema();
};

void register_world_sounds();

}  // namespace mmi::models::audeo
