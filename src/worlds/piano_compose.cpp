#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "mmi/base/errors.h"
#include "mmi/base/rng.h"
#include "mmi/worlds/piano/composition.h"
#include "mmi/worlds/piano/performance.h"

namespace mmi::worlds::piano {
namespace {

constexpr int kLow = 36;
constexpr int kHigh = 86;
constexpr std::array<double, 5> kDurations = {0.15, 0.3, 0.6, 1.2, 2.4};
constexpr std::array<double, 5> kDurationWeights = {0.20, 0.35, 0.25, 0.12, 0.08};
constexpr double kBar = 2.4;

// A key and one chord per bar. Scale steps are counted from the tonic in the octave below middle C.
class Harmony {
 public:
  Harmony(Rng rng, double duration_s) {
    tonic_ = 48 + static_cast<int>(rng.integer(12));
    minor_ = rng.chance(0.45);
    const int bars = static_cast<int>(duration_s / kBar) + 2;
    // Rows: chord degree 0..6; likely successors in functional harmony.
    static constexpr std::array<std::array<double, 7>, 7> kNext = {
        {{1, 3, 2, 5, 5, 4, 1},
         {1, 1, 1, 1, 7, 1, 2},
         {1, 1, 0, 4, 1, 6, 0},
         {3, 4, 0, 1, 6, 1, 1},
         {7, 0, 1, 1, 1, 4, 0},
         {1, 4, 1, 5, 3, 0, 0},
         {6, 0, 2, 0, 1, 1, 0}}};
    int degree = 0;
    for (int i = 0; i < bars; ++i) {
      degrees_.push_back(degree);
      degree = static_cast<int>(rng.choice(kNext[static_cast<std::size_t>(degree)]));
    }
  }

  int pitch(int step) const {
    static constexpr std::array<int, 7> kMajor = {0, 2, 4, 5, 7, 9, 11};
    static constexpr std::array<int, 7> kMinor = {0, 2, 3, 5, 7, 8, 11};
    const int octave = step >= 0 ? step / 7 : -((6 - step) / 7);
    const auto within = static_cast<std::size_t>(step - 7 * octave);
    return tonic_ + 12 * octave + (minor_ ? kMinor : kMajor)[within];
  }

  int degree(double time_s) const {
    const auto bar = static_cast<std::size_t>(std::max(0.0, time_s + 1e-9) / kBar);
    return degrees_[std::min(bar, degrees_.size() - 1)];
  }

  // Nearest step to `step` that belongs to the chord.
  int chord_step(int step, double time_s) const {
    for (int distance = 0; distance < 4; ++distance) {
      for (int candidate : {step - distance, step + distance}) {
        const int above_root = ((candidate - degree(time_s)) % 7 + 7) % 7;
        if (above_root == 0 || above_root == 2 || above_root == 4) {
          return candidate;
        }
      }
    }
    return step;
  }

  // Nearest step whose pitch is at or above `pitch_value`.
  int step_at(int pitch_value) const {
    int step = (pitch_value - tonic_) * 7 / 12 - 2;
    while (pitch(step) < pitch_value) {
      ++step;
    }
    return step;
  }

 private:
  int tonic_ = 48;
  bool minor_ = false;
  std::vector<int> degrees_;
};

void add(music::Notes& out, double onset_s, double length_s, int pitch, int velocity) {
  while (pitch < kLow) {
    pitch += 12;
  }
  while (pitch > kHigh) {
    pitch -= 12;
  }
  out.push_back({onset_s, onset_s + length_s, pitch, velocity});
}

struct MotifNote {
  int step = 0;
  double length_s = 0;
};

struct Voice {
  int low = 40;
  int high = 84;
  double entry_s = 0;
};

std::vector<Voice> make_voices(Rng& rng, double motif_s) {
  static constexpr std::array<std::array<std::array<int, 2>, 4>, 3> kRanges = {
      {{{{43, 62}, {62, 83}, {0, 0}, {0, 0}}},
       {{{41, 57}, {56, 70}, {66, 84}, {0, 0}}},
       {{{40, 54}, {52, 64}, {60, 73}, {69, 84}}}}};
  const std::array<double, 3> weights = {0.3, 0.45, 0.25};
  const std::size_t choice = rng.choice(weights);
  const std::size_t count = choice + 2;
  std::vector<Voice> voices(count);
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < count; ++i) {
    order.push_back(i);
  }
  rng.shuffle(order);
  for (std::size_t i = 0; i < count; ++i) {
    Voice& voice = voices[order[i]];
    voice.low = kRanges[choice][order[i]][0];
    voice.high = kRanges[choice][order[i]][1];
    voice.entry_s = motif_s * static_cast<double>(i);
  }
  return voices;
}

int fold(int step, int low_step, int high_step) {
  while (step < low_step) {
    step += 7;
  }
  while (step > high_step) {
    step -= 7;
  }
  return std::max(step, low_step);
}

void write_voice(
    music::Notes& out,
    const Voice& voice,
    const std::vector<MotifNote>& motif,
    const Harmony& harmony,
    double duration_s,
    Rng rng) {
  const int low = harmony.step_at(voice.low);
  const int high = harmony.step_at(voice.high) - 1;
  int step = fold(harmony.chord_step((low + high) / 2, 0), low, high);
  double t = voice.entry_s;
  bool state_motif = true;
  while (t < duration_s - 0.3) {
    if (state_motif) {
      // Imitation at the octave or the fifth, folded into the voice's range.
      const int base = fold(rng.chance(0.5) ? 0 : 4, low, high);
      for (const MotifNote& m : motif) {
        step = fold(base + m.step, low, high);
        if (t + m.length_s <= duration_s) {
          add(out, t, m.length_s, harmony.pitch(step), 84);
        }
        t += m.length_s;
      }
      state_motif = false;
      continue;
    }
    const double length = std::min(kDurations[rng.choice(kDurationWeights)], duration_s - t);
    if (rng.chance(0.12)) {
      t += length;
      continue;
    }
    static constexpr std::array<int, 10> kMoves = {-4, -3, -2, -1, 0, 1, 2, 3, 4, 5};
    static constexpr std::array<double, 10> kMoveWeights = {3, 5, 12, 28, 3, 28, 12, 5, 3, 1};
    step += kMoves[rng.choice(kMoveWeights)];
    if (length >= 0.6) {
      step = harmony.chord_step(step, t);
    }
    step = fold(step, low, high);
    add(out, t, length, harmony.pitch(step), length >= 0.6 ? 80 : 77);
    t += length;
    state_motif = rng.chance(0.07);
  }
}

music::Notes counterpoint(Rng rng, double duration_s) {
  const Harmony harmony(rng.stream("harmony"), duration_s);
  std::vector<MotifNote> motif;
  int step = 0;
  double motif_s = 0;
  const auto length = 5 + rng.integer(4);
  for (std::int64_t i = 0; i < length; ++i) {
    const double note_s = kDurations[rng.choice(kDurationWeights)];
    motif.push_back({step, note_s});
    motif_s += note_s;
    step += static_cast<int>(rng.integer(2) == 0 ? 1 + rng.integer(2) : -1 - rng.integer(2));
  }
  music::Notes out;
  const std::vector<Voice> voices = make_voices(rng, motif_s);
  for (std::size_t i = 0; i < voices.size(); ++i) {
    Voice voice = voices[i];
    voice.entry_s = std::min(voice.entry_s, duration_s * 0.3);
    write_voice(out, voice, motif, harmony, duration_s, rng.stream("voice", i));
  }
  return out;
}

music::Notes arpeggio(Rng rng, double duration_s) {
  const Harmony harmony(rng.stream("harmony"), duration_s);
  const double unit = rng.chance(0.5) ? 0.15 : 0.2;
  const int per_group = static_cast<int>(std::lround(kBar / 2 / unit));
  static constexpr std::array<std::array<int, 8>, 4> kPatterns = {
      {{0, 1, 2, 3, 4, 2, 3, 4},
       {0, 1, 2, 3, 4, 3, 2, 3},
       {0, 2, 1, 3, 2, 4, 3, 4},
       {0, 1, 3, 2, 4, 3, 4, 2}}};
  const auto& pattern = kPatterns[static_cast<std::size_t>(rng.integer(4))];
  const bool hold_bass = rng.chance(0.7);
  music::Notes out;
  for (double bar = 0; bar < duration_s - 0.2; bar += kBar / 2) {
    const int bass = harmony.chord_step(harmony.step_at(43 + int(rng.integer(4))), bar);
    std::array<int, 5> steps{};
    steps[0] = bass;
    int step = bass + 2 + static_cast<int>(rng.integer(3));
    for (std::size_t i = 1; i < steps.size(); ++i) {
      step = harmony.chord_step(step + (i == 2 ? 3 : 2), bar);
      steps[i] = std::max(step, steps[i - 1] + 2);
      step = steps[i];
    }
    for (int i = 0; i < per_group; ++i) {
      const double t = bar + i * unit;
      const int voice = pattern[static_cast<std::size_t>(i % 8)];
      const bool held = hold_bass && voice < 2 && i < 2;
      const double length = held ? (kBar / 2 - i * unit) : unit;
      if (t + 0.1 < duration_s && !(hold_bass && voice < 2 && i >= 2)) {
        add(out,
            t,
            std::min(length, duration_s - t),
            harmony.pitch(steps[static_cast<std::size_t>(voice)]),
            i == 0 ? 86 : 78);
      }
    }
  }
  return out;
}

void stride_left(music::Notes& out, const Harmony& harmony, double duration_s, double beat) {
  for (int i = 0; i * beat < duration_s - beat; ++i) {
    const double t = i * beat;
    const int degree = harmony.degree(t);
    if (i % 2 == 0) {
      const int low = harmony.step_at(38);
      int root = fold(degree + (i % 4 == 2 ? 4 : 0), low, low + 7);
      add(out, t, beat * 0.8, harmony.pitch(root), 88);
      if (i % 4 == 0 && harmony.pitch(root) - 12 >= kLow) {
        add(out, t, beat * 0.8, harmony.pitch(root - 7), 84);
      }
    } else {
      int step = harmony.chord_step(harmony.step_at(53), t);
      for (int k = 0; k < 3; ++k) {
        add(out, t, beat * 0.55, harmony.pitch(step), 74);
        step = harmony.chord_step(step + 2, t);
      }
    }
  }
}

music::Notes stride(Rng rng, double duration_s) {
  const Harmony harmony(rng.stream("harmony"), duration_s);
  const double beat = 0.6;
  music::Notes out;
  stride_left(out, harmony, duration_s, beat);
  static constexpr std::array<std::array<int, 6>, 4> kRhythms = {
      {{1, 2, 1, 2, 2, 0}, {1, 2, 2, 1, 2, 0}, {2, 1, 2, 1, 2, 0}, {1, 1, 2, 2, 2, 0}}};
  const double unit = beat / 2;
  int step = harmony.step_at(74);
  const int low = harmony.step_at(66);
  const int high = harmony.step_at(85) - 1;
  for (double bar = 0; bar < duration_s - 8 * unit; bar += 8 * unit) {
    const auto& rhythm = kRhythms[static_cast<std::size_t>(rng.integer(4))];
    double t = bar;
    for (int units : rhythm) {
      if (units == 0) {
        break;
      }
      step += static_cast<int>(rng.integer(5)) - 2;
      step = fold(units == 2 ? harmony.chord_step(step, t) : step, low, high);
      if (!rng.chance(0.1)) {
        add(out, t, units * unit, harmony.pitch(step), 84);
        if (units == 2 && rng.chance(0.4)) {
          add(out, t, units * unit, harmony.pitch(harmony.chord_step(step - 3, t)), 76);
        }
      }
      t += units * unit;
    }
  }
  return out;
}

music::Notes hymn(Rng rng, double duration_s) {
  const Harmony harmony(rng.stream("harmony"), duration_s);
  music::Notes out;
  int soprano = harmony.step_at(70);
  const int low = harmony.step_at(65);
  const int high = harmony.step_at(79) - 1;
  static constexpr std::array<double, 3> kLengths = {0.6, 1.2, 0.3};
  static constexpr std::array<double, 3> kWeights = {0.6, 0.25, 0.15};
  for (double t = 0; t < duration_s - 0.4;) {
    const double length = std::min(kLengths[rng.choice(kWeights)], duration_s - t);
    soprano =
        fold(harmony.chord_step(soprano + static_cast<int>(rng.integer(5)) - 2, t), low, high);
    int step = soprano;
    add(out, t, length, harmony.pitch(soprano), 85);
    if (length >= 0.6) {
      for (int k = 0; k < 2; ++k) {
        const int inner = harmony.chord_step(step - 2, t);
        step = inner < step ? inner : step - 2;
        add(out, t, length, harmony.pitch(step), 75);
      }
      const int base = harmony.step_at(40);
      add(out, t, length, harmony.pitch(fold(harmony.degree(t), base, base + 8)), 81);
    }
    t += length;
  }
  return out;
}

}  // namespace

std::string_view style_name(Style style) {
  switch (style) {
    case Style::kCounterpoint:
      return "counterpoint";
    case Style::kArpeggio:
      return "arpeggio";
    case Style::kStride:
      return "stride";
    case Style::kHymn:
      return "hymn";
  }
  MMI_ASSERT(false);
}

Style parse_style(std::string_view name) {
  for (Style style : {Style::kCounterpoint, Style::kArpeggio, Style::kStride, Style::kHymn}) {
    if (style_name(style) == name) {
      return style;
    }
  }
  throw ConfigError(format("unknown style '{}': use counterpoint, arpeggio, stride or hymn", name));
}

music::Notes compose(Style style, std::uint64_t composition_seed, double duration_s) {
  MMI_CHECK(
      ConfigError,
      duration_s > 0 && duration_s <= 36000,
      "a composition lasts between 0 and 36000 s, but {} s were asked for",
      duration_s);
  const Rng rng = Rng(composition_seed).stream(style_name(style));
  music::Notes notes;
  switch (style) {
    case Style::kCounterpoint:
      notes = counterpoint(rng, duration_s);
      break;
    case Style::kArpeggio:
      notes = arpeggio(rng, duration_s);
      break;
    case Style::kStride:
      notes = stride(rng, duration_s);
      break;
    case Style::kHymn:
      notes = hymn(rng, duration_s);
      break;
  }
  return tidy(std::move(notes), 0.0, 0.05);
}

}  // namespace mmi::worlds::piano
