#pragma once

#include <cstdint>

#include "mmi/base/config.h"

namespace mmi::models::codec {

struct WorldSoundsConfig {
  std::int64_t seed = 1;
  int train_sounds = 400;
  int valid_sounds = 40;
  int test_sounds = 80;
  double duration_s = 2;

  static const config::Schema& schema();
};

void register_world_sounds();

}  // namespace mmi::models::codec
