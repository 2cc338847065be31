#pragma once

#include <filesystem>

#include "mmi/base/api.h"
#include "mmi/music/note.h"

namespace mmi::music {

/// Reads a score written down as YAML (configs/audeo/pieces/*.yaml): `tempo_bpm` (quarter notes),
/// `sixteenths_per_bar`, and `bars`, a list of {rh: "...", lh: "..."} whose tokens are `C5:2` (a
/// note of two sixteenths; sharps F#4, flats Bb4, C4 = MIDI 60), `r4` (a rest of four) and `A4:4~`
/// (tied to the first note of the next bar). Notes at even tempo, velocity 80, sorted. Throws
/// ConfigError with bar and hand for a bad token or a bar of the wrong length.
MMI_API Notes read_score(const std::filesystem::path& path);

}  // namespace mmi::music
