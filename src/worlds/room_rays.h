#pragma once

#include <cstdint>
#include <vector>

#include "mmi/base/rng.h"
#include "mmi/worlds/rooms/simulate.h"
#include "worlds/room_geometry.h"

namespace mmi::worlds::rooms {

/// Energy that reaches each source, by time of arrival: (S, bins), divided by that of the direct
/// sound at 1 m.
struct Histograms {
  std::int64_t bins = 0;
  std::vector<F8> energy;
};

/// Follows rays [first, last) of `options.rays` from the receiver. At each wall the share that
/// scatters is sent to every source in sight ("diffuse rain"); the ray goes on as a mirror or, with
/// the probability of the scattering, in a direction by Lambert's law. Legs behind a mirror are
/// scored in a sphere round each source unless all reflections so far were specular and at most
/// `image_order`: those are the image sources'.
Histograms trace_rays(
    const Geometry& geometry,
    const std::vector<Source>& sources,
    Vec3 receiver,
    const SimulateOptions& options,
    const Rng& random,
    std::int64_t first,
    std::int64_t last);

/// Bins that cover the response.
std::int64_t histogram_bins(const SimulateOptions& options);

}  // namespace mmi::worlds::rooms
