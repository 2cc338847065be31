#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "mmi/base/config.h"
#include "mmi/models/audeo/recordings.h"
#include "mmi/worlds/piano/piece.h"

namespace mmi::models::audeo {

struct WorldRecordingsConfig {
  std::uint64_t seed = 1;
  int train_pieces = 12;
  int valid_pieces = 2;
  int test_pieces = 3;
  int variant_pieces = 4;
  int unseen_pieces = 4;
  double duration_s = 60;
  bool hard = true;
  bool one_studio = false;  ///< one camera, light and keyboard for all pieces
  double memory_mb = 4000;

  static const config::Schema& schema();
};

/// Splits are called train, valid, test, variant, unseen.
MMI_API std::vector<worlds::piano::PieceSpec> world_pieces(const WorldRecordingsConfig& config);

void register_world_recordings();

}  // namespace mmi::models::audeo
