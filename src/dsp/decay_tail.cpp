#include "decay_tail.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace mmi::dsp {
namespace {

constexpr double kMargin_db = 7;  // the fitted line ends this far above the noise
constexpr double kRange_db = 20;  // and begins this far above its end
constexpr double kDepth = 1e-9;  // below the loudest block: what lies deeper is rounding, not decay
constexpr int kRounds = 5;

double mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double to_db(double power) {
  return 10.0 * std::log10(power);
}

struct Line {
  double level_db = 0;  // at sample 0
  double slope_db = 0;  // per sample; 0: none found
};

// Levels of whole blocks.
std::vector<double> block_levels(std::span<const double> energy, std::size_t block) {
  std::vector<double> levels;
  levels.reserve(energy.size() / block);
  for (std::size_t i = 0; i + block <= energy.size(); i += block) {
    levels.push_back(to_db(mean(energy.subspan(i, block))));
  }
  return levels;
}

// The late decay: from `kRange_db` above the end (or the loudest block) to the first block that
// comes near the noise. Blocks of zeros, as between the pulses of simulated responses, are skipped.
Line late_line(const std::vector<double>& levels, std::size_t block, double noise_db) {
  const auto loudest = std::max_element(levels.begin(), levels.end());
  const double floor_db = noise_db + kMargin_db;
  const auto end = std::find_if(loudest, levels.end(), [&](double level) {
    return std::isfinite(level) && level < floor_db;
  });
  auto begin = end;
  while (begin != loudest && !(*(begin - 1) > floor_db + kRange_db)) {
    --begin;
  }
  double n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (auto it = begin; it != end; ++it) {
    if (!std::isfinite(*it)) {
      continue;
    }
    const double x = (static_cast<double>(it - levels.begin()) + 0.5) * static_cast<double>(block);
    n += 1;
    sx += x;
    sy += *it;
    sxx += x * x;
    sxy += x * *it;
  }
  const double spread = n * sxx - sx * sx;
  if (n < 3 || !(spread > 0)) {
    return {};
  }
  const double slope = (n * sxy - sx * sy) / spread;
  return {(sy - slope * sx) / n, slope};
}

}  // namespace

DecayTail find_tail(std::span<const double> energy, double sample_rate_hz) {
  const auto count = static_cast<double>(energy.size());
  DecayTail tail;
  tail.knee = energy.size();
  if (energy.size() < 32) {
    return tail;
  }
  const std::size_t last_tenth = energy.size() - energy.size() / 10;
  // Simulated responses end in digital silence, or in traces of the filters that made them.
  double deepest = 0;
  const std::size_t loud =
      std::max<std::size_t>(1, static_cast<std::size_t>(0.01 * sample_rate_hz));
  for (std::size_t i = 0; i + loud <= energy.size(); i += loud) {
    deepest = std::max(deepest, kDepth * mean(energy.subspan(i, loud)));
  }
  const auto noise_from = [&](std::size_t begin) {
    return std::max(deepest, mean(energy.subspan(begin)));
  };
  double noise = noise_from(last_tenth);
  // Three blocks between the loudest and the noise are needed; short decays want short blocks.
  const double shortest = std::max(1.0, 0.0005 * sample_rate_hz);
  double block = std::clamp(0.01 * sample_rate_hz, 1.0, count / 20);
  Line line;
  for (int round = 0; round < kRounds; ++round) {
    const auto size = static_cast<std::size_t>(block);
    const Line next = late_line(block_levels(energy, size), size, to_db(noise));
    if (next.slope_db >= 0) {
      block = std::max(shortest, block / 2);
      continue;
    }
    line = next;
    const double meets = (to_db(noise) - line.level_db) / line.slope_db;
    tail.knee = static_cast<std::size_t>(std::clamp(meets, 1.0, count));
    const double settled = std::clamp(meets - 10.0 / line.slope_db, 0.0, count);
    noise = noise_from(std::min(last_tenth, static_cast<std::size_t>(settled)));
    block = std::clamp(-10.0 / line.slope_db / 4, shortest, std::max(shortest, count / 20));
  }
  if (line.slope_db >= 0) {
    return tail;
  }
  tail.decays = true;
  tail.rate = -line.slope_db * std::log(10.0) / 10.0;
  const double at_knee = line.level_db + line.slope_db * static_cast<double>(tail.knee);
  tail.rest = std::pow(10.0, at_knee / 10.0) / tail.rate;
  const double total = std::accumulate(
      energy.begin(), energy.begin() + static_cast<std::ptrdiff_t>(tail.knee), tail.rest);
  tail.inr_db = to_db(total * tail.rate / noise);
  return tail;
}

}  // namespace mmi::dsp
