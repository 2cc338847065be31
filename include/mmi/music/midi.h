#pragma once

#include <filesystem>

#include "mmi/base/api.h"
#include "mmi/io/midi.h"
#include "mmi/music/note.h"

namespace mmi::music {

/// The pitched notes of a MIDI file, all tracks and channels merged (drums, channel 9, left out),
/// sorted by (onset, pitch). `sustain_pedal`: a key released while its channel's pedal
/// (controller 64 >= 64) is down sounds until the pedal comes up or the key is struck again.
MMI_API Notes to_notes(const io::MidiFile& midi, bool sustain_pedal = false);

/// One channel playing `program` (General MIDI, 0..127) at a notated tempo. Ticks last 1 ms where
/// the tempo allows it (120, 100, 60 ...), so frames of 40 ms lie exactly on ticks.
/// Throws ConfigError for a tempo outside 4..1000.
MMI_API io::MidiFile to_midi(const Notes& notes, int program = 0, double tempo_bpm = 120);

/// Throws DataError with the path.
MMI_API Notes read_notes(const std::filesystem::path& path, bool sustain_pedal = false);
MMI_API void write_notes(
    const std::filesystem::path& path, const Notes& notes, int program = 0, double tempo_bpm = 120);

}  // namespace mmi::music
