#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "mmi/io/draw.h"

namespace mmi::models::codec {

/// Mel spectrograms of sounds (N), (N), … below each other on one time axis, low frequencies at the
/// bottom; brightness is dB, one scale for all: 80 dB below the loudest is dark.
io::Canvas draw_sounds(
    const std::vector<std::pair<std::string, torch::Tensor>>& sounds, std::int64_t sample_rate_hz);

}  // namespace mmi::models::codec
