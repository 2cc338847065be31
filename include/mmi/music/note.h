#pragma once

#include <vector>

namespace mmi::music {

/// One sounded note. Times in seconds from the start of the piece.
struct Note {
  double onset_s = 0;
  double offset_s = 0;  ///< > onset_s
  int pitch = 60;       ///< MIDI number, 0..127 (60 = C4)
  int velocity = 100;   ///< 1..127

  bool operator==(const Note&) const = default;
};

/// Notes sorted by (onset, pitch).
using Notes = std::vector<Note>;

}  // namespace mmi::music
