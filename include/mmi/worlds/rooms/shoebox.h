#pragma once

#include <torch/types.h>

#include <vector>

#include "mmi/base/api.h"
#include "mmi/worlds/rooms/scene.h"
#include "mmi/worlds/rooms/simulate.h"

namespace mmi::worlds::rooms {

/// A response that is wanted of an empty shoebox.
struct ShoeboxPair {
  const Scene* scene = nullptr;
  Vec3 source;
  Vec3 receiver;
};

/// Responses (pairs, samples) float32 of omnidirectional sources, from image sources alone: what
/// `Simulator::run` gives with `rays` 0 (to 1e-5 of the peak), for many rooms at once. On a CUDA
/// device a block of threads adds up the images of a pair; the bands are put together on the
/// processor. ConfigError for a scene that is no empty shoebox and for places outside of it,
/// NotBuiltError for CUDA in a build without a CUDA compiler.
MMI_API torch::Tensor shoebox_responses(
    const std::vector<ShoeboxPair>& pairs,
    const SimulateOptions& options,
    torch::Device device = torch::kCPU);

}  // namespace mmi::worlds::rooms
