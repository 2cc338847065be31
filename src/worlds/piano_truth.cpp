#include "mmi/worlds/piano/truth.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "mmi/base/rng.h"
#include "mmi/worlds/piano/keyboard.h"

namespace mmi::worlds::piano {
namespace {

struct Surroundings {
  double masking = 0;  // share of the full masking loss
  bool inner = false;  // louder notes sound above and below
};

Surroundings surroundings(const music::Notes& played, std::size_t index, std::size_t first) {
  const music::Note& note = played[index];
  Surroundings result;
  bool above = false, below = false;
  for (std::size_t i = first; i < played.size() && played[i].onset_s < note.onset_s + 0.1; ++i) {
    const music::Note& other = played[i];
    if (i == index || other.offset_s <= note.onset_s || other.velocity <= note.velocity) {
      continue;
    }
    above = above || other.pitch > note.pitch;
    below = below || other.pitch < note.pitch;
    if (std::abs(other.pitch - note.pitch) <= 12) {
      result.masking =
          std::max(result.masking, std::min(1.0, (other.velocity - note.velocity) / 20.0));
    }
  }
  result.inner = above && below && note.velocity < 75;
  return result;
}

}  // namespace

PseudoOptions PseudoOptions::hard() {
  return {};
}

PseudoOptions PseudoOptions::easy() {
  PseudoOptions options;
  options.audible_db = 14;
  options.tail_low = 1;
  options.tail_high = 4;
  return options;
}

double audible_s(int pitch, int velocity, double audible_db) {
  const double rate_db_per_s = 9 * std::exp2((pitch - 60) / 18.0);
  return std::max(0.12, (audible_db + 20 * std::log10(velocity / 90.0)) / rate_db_per_s);
}

music::Notes pseudo_notes(
    const music::Notes& played, std::uint64_t seed, const PseudoOptions& options) {
  const Rng root = Rng(seed).stream("piano.pseudo");
  music::Notes heard;
  std::size_t first = 0;  // nothing before it still sounds
  for (std::size_t i = 0; i < played.size(); ++i) {
    while (first < i && played[first].offset_s <= played[i].onset_s) {
      ++first;
    }
    Rng rng = root.stream("note", i);
    const music::Note& note = played[i];
    const Surroundings around = surroundings(played, i, first);
    const double missed = options.missed_probability * (around.inner ? 2.5 : 1.0);
    const double tail =
        double(options.tail_low + rng.integer(options.tail_high - options.tail_low + 1)) / kFps;
    const double late = rng.chance(options.late_probability) ? 1 / kFps : 0.0;
    const double pedal = rng.uniform(0.2, 0.8) * (options.pedal ? 1 : 0);
    const bool lost = rng.chance(missed);
    const bool ghost = rng.chance(options.ghost_probability);
    if (!lost) {
      const double audible = audible_s(
          note.pitch, note.velocity, options.audible_db - options.masking_db * around.masking);
      music::Note out = note;
      out.onset_s += late;
      out.offset_s = std::min(note.offset_s + tail + pedal, note.onset_s + audible);
      out.offset_s = std::max(out.offset_s, out.onset_s + 1 / kFps);
      heard.push_back(out);
    }
    if (ghost) {
      static constexpr std::array<int, 4> kIntervals = {12, 12, 19, -12};
      const int pitch = note.pitch + kIntervals[static_cast<std::size_t>(rng.integer(4))];
      const double length = double(3 + rng.integer(6)) / kFps;
      if (pitch >= kLowestPitch && pitch <= kHighestPitch) {
        heard.push_back(
            {note.onset_s, note.onset_s + length, pitch, std::max(1, note.velocity - 25)});
      }
    }
  }
  std::stable_sort(heard.begin(), heard.end(), [](const music::Note& a, const music::Note& b) {
    return a.onset_s != b.onset_s ? a.onset_s < b.onset_s : a.pitch < b.pitch;
  });
  return heard;
}

std::vector<std::uint8_t> roll_of(const music::Notes& notes, std::int64_t frames) {
  std::vector<std::uint8_t> roll(static_cast<std::size_t>(frames * kKeys), 0);
  for (const music::Note& note : notes) {
    const auto begin = static_cast<std::int64_t>(std::floor(note.onset_s * kFps + 1e-9));
    const auto end =
        std::max(begin + 1, static_cast<std::int64_t>(std::floor(note.offset_s * kFps + 1e-9)));
    for (std::int64_t f = std::max<std::int64_t>(0, begin); f < std::min(end, frames); ++f) {
      roll[static_cast<std::size_t>(f * kKeys + note.pitch - kLowestPitch)] = 1;
    }
  }
  return roll;
}

}  // namespace mmi::worlds::piano
