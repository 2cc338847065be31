#include "io/tempo_map.h"

#include <algorithm>
#include <cmath>

#include "mmi/base/errors.h"

namespace mmi::io {

TempoMap::TempoMap(const MidiFile& midi)
    : smpte_ticks_per_second_(midi.smpte_ticks_per_second), scale_(1e6 * midi.ticks_per_quarter) {
  MMI_CHECK(
      ConfigError,
      smpte_ticks_per_second_ > 0 || midi.ticks_per_quarter > 0,
      "MIDI ticks per quarter must be positive, but are {}",
      midi.ticks_per_quarter);
  stretches_.emplace_back();
  for (const MidiTempo& change : midi.tempi) {
    Stretch next{std::max(change.tick, stretches_.back().begin), change.microseconds_per_quarter};
    const Stretch& last = stretches_.back();
    next.elapsed = last.elapsed + static_cast<__int128>(next.begin - last.begin) * last.tempo;
    stretches_.push_back(next);
  }
}

double TempoMap::seconds(std::int64_t tick) const {
  const std::int64_t wanted = std::max<std::int64_t>(tick, 0);
  if (smpte_ticks_per_second_ > 0) {
    return static_cast<double>(wanted) / smpte_ticks_per_second_;
  }
  const auto after = std::upper_bound(
      stretches_.begin(), stretches_.end(), wanted, [](std::int64_t value, const Stretch& stretch) {
        return value < stretch.begin;
      });
  const Stretch& stretch = *std::prev(after);
  const __int128 exact =
      stretch.elapsed + static_cast<__int128>(wanted - stretch.begin) * stretch.tempo;
  return static_cast<double>(exact) / scale_;
}

std::int64_t TempoMap::tick(double time_s) const {
  MMI_CHECK(
      ConfigError,
      std::isfinite(time_s) && time_s < 1e8,
      "a MIDI time must be finite and below 1e8 s, but is {}",
      time_s);
  const double positive = std::max(time_s, 0.0);
  if (smpte_ticks_per_second_ > 0) {
    return std::llround(positive * smpte_ticks_per_second_);
  }
  const double wanted = positive * scale_;
  const auto after = std::upper_bound(
      stretches_.begin(), stretches_.end(), wanted, [](double value, const Stretch& stretch) {
        return value < static_cast<double>(stretch.elapsed);
      });
  const Stretch& stretch = *std::prev(after);
  return stretch.begin +
         std::llround((wanted - static_cast<double>(stretch.elapsed)) / stretch.tempo);
}

double MidiFile::seconds_of(std::int64_t tick) const {
  return TempoMap(*this).seconds(tick);
}

std::int64_t MidiFile::tick_of(double time_s) const {
  return TempoMap(*this).tick(time_s);
}

}  // namespace mmi::io
