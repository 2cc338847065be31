#include "mmi/music/synth.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numbers>
#include <string_view>
#include <tuple>

#include "mmi/base/errors.h"
#include "mmi/base/log.h"
#include "mmi/music/names.h"
#include "music/fluid_voice.h"
#include "music/piano_voice.h"

namespace mmi::music {
namespace {

constexpr double kCeiling = 0.999;  // just below full scale
constexpr double kEndFadeS = 0.02;
constexpr double kMaxDurationS = 3 * 3600;
constexpr std::array<const char*, 4> kSystemFonts{
    "/usr/share/sounds/sf2/FluidR3_GM.sf2",
    "/usr/share/sounds/sf2/TimGM6mb.sf2",
    "/usr/share/sounds/sf2/default-GM.sf2",
    "/usr/share/soundfonts/default.sf2"};

void check_config(const SynthConfig& cfg) {
  MMI_CHECK(
      ConfigError,
      cfg.sample_rate_hz >= 4000 && cfg.sample_rate_hz <= 384000 && cfg.program >= 0 &&
          cfg.program <= 127 && cfg.peak_dbfs < 0 && cfg.tail_s >= 0 && cfg.duration_s >= 0,
      "rendering needs sample_rate_hz in 4000..384000, program in 0..127, peak_dbfs < 0, tail_s "
      "and "
      "duration_s >= 0, but they are {}, {}, {}, {}, {}",
      cfg.sample_rate_hz,
      cfg.program,
      cfg.peak_dbfs,
      cfg.tail_s,
      cfg.duration_s);
}

// Sorted; a key struck while it sounds ends its earlier note.
Notes playable(const Notes& notes) {
  Notes sorted = notes;
  for (const auto& note : sorted) {
    MMI_CHECK(
        DataError,
        note.pitch >= 0 && note.pitch <= 127 && note.velocity >= 1 && note.velocity <= 127 &&
            note.onset_s >= 0 && note.offset_s >= note.onset_s && note.offset_s < kMaxDurationS,
        "a note needs pitch 0..127, velocity 1..127 and 0 <= onset <= offset < 3 h, but this one "
        "has "
        "pitch {}, velocity {}, {} to {} s",
        note.pitch,
        note.velocity,
        note.onset_s,
        note.offset_s);
  }
  std::stable_sort(sorted.begin(), sorted.end(), [](const Note& a, const Note& b) {
    return std::tie(a.onset_s, a.pitch) < std::tie(b.onset_s, b.pitch);
  });
  std::array<Note*, 128> sounding{};
  for (auto& note : sorted) {
    auto*& earlier = sounding[static_cast<std::size_t>(note.pitch)];
    if (earlier != nullptr) {
      earlier->offset_s = std::min(earlier->offset_s, note.onset_s);
    }
    earlier = &note;
  }
  return sorted;
}

void fade_end(std::vector<float>& out, std::int64_t sample_rate_hz) {
  const auto count = std::min(
      out.size(), static_cast<std::size_t>(kEndFadeS * static_cast<double>(sample_rate_hz)));
  for (std::size_t i = 0; i < count; ++i) {
    const double share = (static_cast<double>(i) + 0.5) / static_cast<double>(count);
    out[out.size() - 1 - i] *= static_cast<float>(std::sin(0.5 * std::numbers::pi * share));
  }
}

void set_level(std::vector<float>& out, const SynthConfig& cfg) {
  double peak = 0;
  for (const float sample : out) {
    peak = std::max(peak, static_cast<double>(std::abs(sample)));
  }
  if (!(peak > 0)) {
    return;
  }
  double gain = std::pow(10.0, cfg.gain_db / 20.0);
  if (cfg.normalize) {
    gain = std::min(kCeiling, std::pow(10.0, cfg.peak_dbfs / 20.0)) / peak;
  } else if (gain * peak > kCeiling) {
    gain = kCeiling / peak;
  }
  for (auto& sample : out) {
    sample = static_cast<float>(sample * gain);
  }
}

int program_of(const SynthConfig& cfg) {
  return cfg.instrument.empty() ? cfg.program : gm_program(cfg.instrument);
}

std::string font_of(const SynthConfig& cfg) {
  const std::string font = cfg.soundfont.empty() ? find_soundfont() : cfg.soundfont;
  MMI_CHECK(
      DataError,
      !font.empty(),
      "no sound font found in /usr/share/sounds/sf2: install one (apt-get install "
      "timgm6mb-soundfont), set MMI_SOUNDFONT, or use the builtin voice");
  MMI_CHECK(
      DataError,
      std::filesystem::is_regular_file(font),
      "{}: no such sound font: pass a .sf2 file",
      font);
  // Asked here because FluidSynth's loaders would try the file as every other format, noisily.
  std::array<char, 12> head{};
  std::ifstream(font, std::ios::binary).read(head.data(), head.size());
  const std::string_view magic(head.data(), head.size());
  MMI_CHECK(
      DataError,
      magic.substr(0, 4) == "RIFF" && magic.substr(8) == "sfbk",
      "{}: not a SoundFont 2 file: pass a .sf2 file",
      font);
  return font;
}

}  // namespace

const config::Schema& SynthConfig::schema() {
  static const config::Schema made =
      config::Table<SynthConfig>("synth", "Rendering of notes to sound")
          .field(
              "sample_rate_hz",
              &SynthConfig::sample_rate_hz,
              "samples per second",
              config::between(4000, 384000))
          .field(
              "program",
              &SynthConfig::program,
              "General MIDI program, 0 = acoustic grand piano",
              config::between(0, 127))
          .field(
              "instrument",
              &SynthConfig::instrument,
              "General MIDI name; overrides program when not empty")
          .field("voice", &SynthConfig::voice, "auto: FluidSynth when available, else builtin")
          .field("soundfont", &SynthConfig::soundfont, ".sf2 file; empty: the system's")
          .field("normalize", &SynthConfig::normalize, "scale the peak to peak_dbfs")
          .field(
              "peak_dbfs",
              &SynthConfig::peak_dbfs,
              "largest sample after normalising, in dB of full scale",
              config::between(-60, -0.01))
          .field(
              "gain_db",
              &SynthConfig::gain_db,
              "gain without normalize; reduced where it would clip",
              config::between(-120, 60))
          .field(
              "tail_s",
              &SynthConfig::tail_s,
              "seconds kept after the last note",
              config::between(0, 60))
          .field(
              "duration_s",
              &SynthConfig::duration_s,
              "exact length in seconds; 0: last note + tail_s",
              config::between(0, kMaxDurationS));
  return made;
}

std::string find_soundfont() {
  if (const char* wanted = std::getenv("MMI_SOUNDFONT"); wanted != nullptr && *wanted != '\0') {
    return wanted;
  }
  for (const char* font : kSystemFonts) {
    if (std::filesystem::is_regular_file(font)) {
      return font;
    }
  }
  return "";
}

Voice resolved_voice(const SynthConfig& cfg) {
  if (cfg.voice != Voice::kAuto) {
    return cfg.voice;
  }
  const bool has_font = !cfg.soundfont.empty() || !find_soundfont().empty();
  return fluid_built_in() && has_font ? Voice::kFluidsynth : Voice::kBuiltin;
}

std::vector<float> render(const Notes& notes, const SynthConfig& cfg) {
  check_config(cfg);
  const int program = program_of(cfg);
  const Notes sorted = playable(notes);
  double end_s = 0;
  for (const auto& note : sorted) {
    end_s = std::max(end_s, note.offset_s);
  }
  const double length_s = cfg.duration_s > 0 ? cfg.duration_s
                          : sorted.empty()   ? 0.0
                                             : end_s + cfg.tail_s;
  const auto samples =
      std::llround(std::min(length_s, kMaxDurationS) * static_cast<double>(cfg.sample_rate_hz));
  std::vector<float> out;
  if (resolved_voice(cfg) == Voice::kFluidsynth) {
    MMI_CHECK(
        NotBuiltError,
        fluid_built_in(),
        "this build has no FluidSynth: configure with -DMMI_SYNTH=ON, or use the builtin voice");
    out = render_fluid(sorted, program, font_of(cfg), cfg.sample_rate_hz, samples);
  } else {
    if (program > 7) {
      log::warning(
          "the builtin voice plays a piano instead of '{}'",
          gm_names()[static_cast<std::size_t>(program)]);
    }
    out.assign(static_cast<std::size_t>(samples), 0.0F);
    add_piano(sorted, cfg.sample_rate_hz, out);
  }
  fade_end(out, cfg.sample_rate_hz);
  set_level(out, cfg);
  return out;
}

}  // namespace mmi::music
