#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/music/note.h"

namespace mmi::music {

enum class Voice {
  kAuto,        ///< FluidSynth when it is built in and a sound font is found, else the built-in one
  kFluidsynth,  ///< any General MIDI instrument
  kBuiltin,     ///< additive piano; needs nothing, plays every program as a piano
};

struct MMI_API SynthConfig {
  std::int64_t sample_rate_hz = 16000;
  int program = 0;              ///< General MIDI, 0 = acoustic grand piano
  std::string instrument = {};  ///< General MIDI name; overrides `program` when not empty
  Voice voice = Voice::kAuto;
  std::string soundfont = {};  ///< .sf2 file; empty: find_soundfont()
  bool normalize = true;       ///< scale to `peak_dbfs`; false: only down, when it would clip
  double peak_dbfs = -6;       ///< largest sample after normalising
  double gain_db = 0;          ///< before all this; matters without `normalize`
  double tail_s = 1.0;         ///< sound kept after the last note's end
  double duration_s = 0;       ///< exact length; 0: last note's end + tail_s

  static const config::Schema& schema();
};

/// Mono samples in (-1, 1), deterministic, without reverb: note n starts at sample
/// onset_s * sample_rate_hz (FluidSynth: within its block of 64 samples). A key struck while it
/// still sounds is released first. Thread-safe.
/// Throws NotBuiltError for Voice::kFluidsynth in a build without it, DataError when no sound font
/// can be read, ConfigError for values out of range.
MMI_API std::vector<float> render(const Notes& notes, const SynthConfig& cfg = {});

/// The voice that kAuto stands for here.
MMI_API Voice resolved_voice(const SynthConfig& cfg);

/// $MMI_SOUNDFONT, else the first of FluidR3_GM, TimGM6mb, default-GM in the system's sound font
/// folder; "" when there is none.
MMI_API std::string find_soundfont();

}  // namespace mmi::music

template <>
struct mmi::config::EnumNames<mmi::music::Voice> {
  static constexpr std::array<std::pair<const char*, mmi::music::Voice>, 3> names{{
      {"auto", mmi::music::Voice::kAuto},
      {"fluidsynth", mmi::music::Voice::kFluidsynth},
      {"builtin", mmi::music::Voice::kBuiltin},
  }};
};
