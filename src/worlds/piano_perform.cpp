#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <tuple>

#include "mmi/base/errors.h"
#include "mmi/base/rng.h"
#include "mmi/worlds/piano/keyboard.h"
#include "mmi/worlds/piano/performance.h"

namespace mmi::worlds::piano {
namespace {

constexpr double kLeadIn = 0.16;

// Score time -> performed time. Monotonic, because the curve's derivative stays positive.
class TempoMap {
 public:
  TempoMap(Rng rng, const PerformOptions& options) : scale_(options.tempo_scale) {
    const std::array<double, 2> share = {0.62, 0.38};
    const std::array<double, 2> longest = {22, 11};
    for (std::size_t i = 0; i < 2; ++i) {
      waves_[i].amplitude = options.tempo_curve * share[i];
      waves_[i].omega = 2 * std::numbers::pi / rng.uniform(longest[i] / 2, longest[i]);
      waves_[i].phase = rng.uniform(0, 2 * std::numbers::pi);
    }
  }

  double operator()(double t) const {
    double warped = t;
    for (const Wave& wave : waves_) {
      warped += wave.amplitude / wave.omega *
                (std::sin(wave.omega * t + wave.phase) - std::sin(wave.phase));
    }
    return warped / scale_;
  }

 private:
  struct Wave {
    double amplitude = 0, omega = 1, phase = 0;
  };

  double scale_;
  std::array<Wave, 2> waves_;
};

// Replaces a note by a mordent, a grace note or a short trill that ends on it.
void add_ornament(music::Notes& out, const music::Note& note, int softest, Rng& rng) {
  const int softer = std::max(softest, note.velocity - 8);
  const int step = rng.chance(0.5) ? 1 : 2;
  const int direction = rng.chance(0.7) ? 1 : -1;
  const int other = std::clamp(note.pitch + direction * step, 36, 86);
  const double quick = rng.uniform(0.075, 0.095);
  const double kind = rng.uniform();
  const int pairs = kind < 0.7 ? 1 : 2;
  double t = note.onset_s;
  if (kind < 0.35) {
    out.push_back({t, t + quick * 0.9, other, softer});
    t += quick;
  } else {
    for (int i = 0; i < pairs && t + 4 * quick < note.offset_s; ++i) {
      out.push_back({t, t + quick * 0.9, note.pitch, note.velocity});
      out.push_back({t + quick, t + 1.9 * quick, other, softer});
      t += 2 * quick;
    }
  }
  out.push_back({t, note.offset_s, note.pitch, note.velocity});
}

}  // namespace

music::Notes tidy(music::Notes notes, double gap_s, double shortest_s) {
  std::sort(notes.begin(), notes.end(), [](const music::Note& a, const music::Note& b) {
    return std::tie(a.onset_s, a.pitch, a.offset_s) < std::tie(b.onset_s, b.pitch, b.offset_s);
  });
  std::array<double, 128> next_onset;
  next_onset.fill(std::numeric_limits<double>::infinity());
  music::Notes kept;
  kept.reserve(notes.size());
  for (std::size_t i = notes.size(); i-- > 0;) {
    music::Note note = notes[i];
    double& next = next_onset[static_cast<std::size_t>(note.pitch)];
    note.offset_s = std::min(note.offset_s, next - gap_s);
    if (note.offset_s - note.onset_s < shortest_s) {
      continue;
    }
    next = note.onset_s;
    kept.push_back(note);
  }
  std::reverse(kept.begin(), kept.end());
  return kept;
}

music::Notes perform(
    const music::Notes& score, std::uint64_t performance_seed, const PerformOptions& options) {
  MMI_CHECK(
      ConfigError,
      options.tempo_scale > 0 && options.tempo_curve >= 0 && options.tempo_curve < 0.9,
      "tempo_scale must be above 0 and tempo_curve in [0, 0.9), but they are {} and {}",
      options.tempo_scale,
      options.tempo_curve);
  const Rng root = Rng(performance_seed).stream("piano.perform");
  const TempoMap tempo(root.stream("tempo"), options);
  Rng arc = root.stream("arc");
  const double arc_period = arc.uniform(5, 9);
  const double arc_phase = arc.uniform(0, 2 * std::numbers::pi);
  const double middle = 0.5 * (options.velocity_low + options.velocity_high);
  const double half_range = 0.5 * (options.velocity_high - options.velocity_low);
  music::Notes out;
  out.reserve(score.size() + 16);
  for (std::size_t i = 0; i < score.size(); ++i) {
    Rng rng = root.stream("note", i);
    music::Note note = score[i];
    MMI_CHECK(
        DataError,
        note.pitch >= kLowestPitch && note.pitch <= kHighestPitch && note.offset_s > note.onset_s,
        "note {} of the score (pitch {}, {} s to {} s) cannot be played: pitches are 21 to 108 and "
        "a note ends after it begins",
        i,
        note.pitch,
        note.onset_s,
        note.offset_s);
    const double articulation = rng.uniform(options.articulation_low, options.articulation_high);
    const double jitter = std::clamp(
        rng.normal(0, options.onset_jitter_s),
        -3 * options.onset_jitter_s,
        3 * options.onset_jitter_s);
    const double onset = tempo(note.onset_s);
    const double length = (tempo(note.offset_s) - onset) * articulation;
    const double wave = std::sin(2 * std::numbers::pi * note.onset_s / arc_period + arc_phase);
    const double velocity =
        middle + 0.45 * half_range * wave + (note.velocity - 80) + rng.normal(0, 0.22 * half_range);
    note.velocity = static_cast<int>(std::lround(
        std::clamp(velocity, double(options.velocity_low), double(options.velocity_high))));
    note.onset_s = std::max(0.05, kLeadIn + onset + jitter);
    note.offset_s = note.onset_s + std::max(0.06, length);
    const bool ornament = rng.chance(options.ornament_probability);
    if (ornament && note.offset_s - note.onset_s >= 0.3) {
      add_ornament(out, note, options.velocity_low, rng);
    } else {
      out.push_back(note);
    }
  }
  return tidy(std::move(out));
}

}  // namespace mmi::worlds::piano
