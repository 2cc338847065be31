#pragma once

#include <torch/types.h>

#include <string>
#include <utility>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/io/draw.h"

namespace mmi::models::audeo {

/// Draws log spectrograms (bins, T) of the sound's transform below each other on one time axis, low
/// frequencies at the bottom, up to `top_hz`; one colour scale for all. Throws NotBuiltError in a
/// build without media.
MMI_API io::Canvas draw_spectrograms(
    const std::vector<std::pair<std::string, torch::Tensor>>& panels, double top_hz = 4000);

}  // namespace mmi::models::audeo
