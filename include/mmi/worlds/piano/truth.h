#pragma once

#include <cstdint>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/music/note.h"

namespace mmi::worlds::piano {

/// How a transcriber hears held notes (specs/ch03 §8.5).
struct PseudoOptions {
  double audible_db = 10;  ///< D0: how far a note decays before it is lost
  int tail_low = 2;        ///< frames that a note outlasts its key
  int tail_high = 6;
  double masking_db = 6;           ///< largest loss of D0 under a louder note within an octave
  double late_probability = 0.25;  ///< onset one frame late
  double missed_probability = 0.03;
  double ghost_probability = 0.04;  ///< extra note at +12, +19 or -12
  bool pedal = false;               ///< extends offsets by 0.2-0.8 s

  MMI_API static PseudoOptions hard();
  MMI_API static PseudoOptions easy();
};

/// Time in s at which a note with this pitch and velocity is no longer heard after its onset:
/// max(0.12, (D0 + 20 log10(v / 90)) / (9 * 2^((p - 60) / 18))).
MMI_API double audible_s(int pitch, int velocity, double audible_db);

/// Pseudo ground truth P as notes: what an audio transcriber would report for these played notes.
MMI_API music::Notes pseudo_notes(
    const music::Notes& played, std::uint64_t seed, const PseudoOptions& options);

/// Roll (F,88), 0 or 1, row-major, index 0 = MIDI 21, at 25 frames a second: a note is on from
/// frame floor(25 onset) to the one before floor(25 offset), at least one frame.
MMI_API std::vector<std::uint8_t> roll_of(const music::Notes& notes, std::int64_t frames);

}  // namespace mmi::worlds::piano
