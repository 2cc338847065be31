#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "mmi/worlds/rooms/world.h"

namespace mmi::models::xrir {

/// How responses of the world's rooms are simulated, and where they are kept.
struct WorldSimulation {
  std::uint64_t world_seed = 1;
  std::int64_t rays = 20000;
  std::int64_t samples = 9600;
  std::filesystem::path cache;  ///< empty: memory only

  /// Room `number` of the world, from the cache or simulated: (R,S,N). Undefined when another
  /// process has it in work and `wait` is false.
  torch::Tensor responses(
      const worlds::rooms::WorldRoom& room, std::int64_t number, bool wait) const;

  /// All sources at a receiver with other random numbers of the simulator: (S,N), not at the level
  /// of the room. `seed` 1 gives those of `responses`.
  torch::Tensor again(
      const worlds::rooms::WorldRoom& room, worlds::rooms::Vec3 receiver, std::uint64_t seed) const;
};

/// (S,3) float32: from a receiver to the sources of its room, metres.
torch::Tensor relative_sources(const worlds::rooms::WorldRoom& room, worlds::rooms::Vec3 receiver);

/// Place of "Office_idx_7/R003" among the receivers of its room: 2.
std::size_t receiver_index(const std::string& name);

}  // namespace mmi::models::xrir
