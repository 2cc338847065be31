#pragma once

#include <cstdint>
#include <string_view>

#include "mmi/base/api.h"
#include "mmi/music/note.h"

namespace mmi::worlds::piano {

/// Styles of procedural pieces (specs/ch03 §8.1).
enum class Style {
  kCounterpoint,  ///< 2-4 voices with an imitated motif
  kArpeggio,      ///< broken chords over held bass notes
  kStride,        ///< left hand bass-chord, syncopated right hand
  kHymn,          ///< four-part chords
};

MMI_API std::string_view style_name(Style style);

/// "counterpoint", "arpeggio", "stride" or "hymn"; a ConfigError otherwise.
MMI_API Style parse_style(std::string_view name);

/// A score: notes on a metrical grid at base tempo, pitches 36..86, velocity 80 plus accents. Pure
/// function of its arguments. `duration_s` > 0 is the length of the score before performance.
MMI_API music::Notes compose(Style style, std::uint64_t composition_seed, double duration_s);

}  // namespace mmi::worlds::piano
