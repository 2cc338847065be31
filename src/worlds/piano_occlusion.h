#pragma once

#include <cstdint>
#include <vector>

#include "mmi/worlds/piano/hands.h"

namespace mmi::worlds::piano {

// (F,88): where a key is held, the covered share of its visual cue, 0..255.
std::vector<std::uint8_t> cue_occlusion(
    const HandsPlan& hands, const std::vector<std::uint8_t>& vision, std::int64_t frames);

}  // namespace mmi::worlds::piano
