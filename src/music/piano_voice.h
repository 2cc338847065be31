#pragma once

#include <cstdint>
#include <span>

#include "mmi/music/note.h"

namespace mmi::music {

/// Adds the built-in piano's sound of `notes` to `out` (mono at sample_rate_hz). A note at velocity
/// 127 has about unit peak.
void add_piano(const Notes& notes, std::int64_t sample_rate_hz, std::span<float> out);

}  // namespace mmi::music
