#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mmi/music/note.h"

namespace mmi::music {

/// True in a build with FluidSynth.
bool fluid_built_in();

/// `samples` mono samples of `notes` (no two of one pitch overlapping) at natural gain. Throws
/// NotBuiltError, or DataError when the sound font cannot be read.
std::vector<float> render_fluid(
    const Notes& notes,
    int program,
    const std::string& soundfont,
    std::int64_t sample_rate_hz,
    std::int64_t samples);

}  // namespace mmi::music
