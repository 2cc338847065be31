#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "mmi/base/api.h"

namespace mmi::io {

/// One sounding note of a MIDI file. Times in seconds from its start.
struct MidiNote {
  double onset_s = 0;
  double offset_s = 0;  ///< > onset_s
  int pitch = 60;       ///< 0..127 (60 = C4)
  int velocity = 100;   ///< 1..127
  int channel = 0;      ///< 0..15 (9 = drums)
  int program = 0;      ///< 0..127, General MIDI (0 = grand piano)
  int track = 0;        ///< where it was read; ignored by the writer

  bool operator==(const MidiNote&) const = default;
};

/// A control change; controller 64 is the sustain pedal (down from value 64).
struct MidiControl {
  double time_s = 0;
  int channel = 0;
  int controller = 64;
  int value = 0;

  bool operator==(const MidiControl&) const = default;
};

struct MidiPitchBend {
  double time_s = 0;
  int channel = 0;
  int value = 0;  ///< -8192..8191

  bool operator==(const MidiPitchBend&) const = default;
};

/// From `tick` on, a quarter note lasts that long.
struct MidiTempo {
  std::int64_t tick = 0;
  int microseconds_per_quarter = 500'000;

  bool operator==(const MidiTempo&) const = default;
};

struct MidiTimeSignature {
  std::int64_t tick = 0;
  int numerator = 4;
  int denominator = 4;  ///< a power of two

  bool operator==(const MidiTimeSignature&) const = default;
};

/// A Standard MIDI File as music: all tracks merged, ticks turned into seconds.
struct MidiFile {
  int ticks_per_quarter = 480;        ///< 0 when time is SMPTE
  double smpte_ticks_per_second = 0;  ///< > 0 when time is SMPTE; tempi do not matter then
  std::vector<MidiTempo> tempi;       ///< by tick; 120 quarters a minute before the first
  std::vector<MidiTimeSignature> time_signatures;  ///< by tick
  std::vector<MidiNote> notes;                     ///< by (onset, pitch, channel)
  std::vector<MidiControl> controls;               ///< by time, else in the order of the file
  std::vector<MidiPitchBend> pitch_bends;
  std::vector<std::string> track_names;  ///< one per track, often empty
  double duration_s = 0;                 ///< the last event

  /// Exact piecewise conversion, rounded once; ticks before 0 count as 0.
  MMI_API double seconds_of(std::int64_t tick) const;

  /// The nearest tick.
  MMI_API std::int64_t tick_of(double time_s) const;
};

/// Reads formats 0 and 1, running status, SMPTE division. Limits: 16 MiB, 5,000,000 events.
/// Conventions: a note-on of velocity 0 is a note-off; a note-off ends every sounding note of its
/// pitch and channel in its track; notes of no duration are dropped; notes without an end last to
/// the end of their track; a track without a program change takes the channel's. Anything malformed
/// is a `DataError` with `name` (or the path) and the byte offset.
MMI_API MidiFile parse_midi(std::span<const std::uint8_t> bytes, const std::string& name);
MMI_API MidiFile read_midi(const std::filesystem::path& path);

/// Format 1: a track of tempi and time signatures, then one per channel. Times round to the nearest
/// tick; a note lasts at least one tick and ends where the next one of its pitch and channel begins
/// (one key cannot be down twice); of notes that start together the longest remains. Track names
/// are not written. Values out of range are a `ConfigError`. What we wrote reads back to what we
/// would write again, byte for byte.
MMI_API std::vector<std::uint8_t> encode_midi(const MidiFile& midi);
MMI_API void write_midi(const std::filesystem::path& path, const MidiFile& midi);

}  // namespace mmi::io
