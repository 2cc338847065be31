#pragma once

#include <cmath>
#include <cstdint>

#ifdef __CUDACC__
#define MMI_HOST_DEVICE __host__ __device__
#else
#define MMI_HOST_DEVICE
#endif

/// All images of a source in an empty shoebox (Allen & Berkley 1979) as band-limited pulses: the
/// arithmetic of one image, shared by the processor and by CUDA, which includes no other header of
/// ours. `lattice_paths` and `PulseTrain` are the same with vector instructions.
namespace mmi::worlds::rooms::pulses {

inline constexpr int kBands = 8;
inline constexpr int kTaps = 32;
inline constexpr int kPhases = 256;
inline constexpr double kAirStepsPerMetre = 10;

/// An omnidirectional source and a receiver in a shoebox, metres.
struct Pair {
  double low[3];
  double size[3];
  double source[3];
  double receiver[3];
  float kept[6][kBands];  ///< pressure that survives a reflection at -x, +x, -y, +y, -z, +z
};

/// What all responses of a batch share. Tables are where the images are computed.
struct Format {
  const float* taps;  ///< (kPhases + 1, kTaps): the sinc shifted by phases of a sample
  const float* air;   ///< (steps, kBands): pressure left after steps of 1 / kAirStepsPerMetre
  double longest_m;   ///< what arrives later is left out
  double samples_per_metre;
  std::int64_t samples;
  int order;  ///< most reflections; -1: all
};

/// Floats of the buffer of one response: (samples + kTaps, kBands), kTaps / 2 - 1 before time 0.
MMI_HOST_DEVICE inline std::int64_t band_values(const Format& format) {
  return (format.samples + kTaps) * kBands;
}

/// Images of an axis are -most .. most.
MMI_HOST_DEVICE inline int most_images(const Pair& pair, const Format& format, int axis) {
  const int within = static_cast<int>(format.longest_m / pair.size[axis]) + 2;
  return format.order >= 0 && format.order < within ? format.order : within;
}

/// Cells of the lattice around a pair, many of which are too far away to be heard.
MMI_HOST_DEVICE inline std::int64_t image_count(const Pair& pair, const Format& format) {
  std::int64_t count = 1;
  for (int axis = 0; axis < 3; ++axis) {
    count *= 2 * most_images(pair, format, axis) + 1;
  }
  return count;
}

MMI_HOST_DEVICE inline float power(float base, int exponent) {
  float out = 1;
  for (; exponent > 0; exponent >>= 1) {
    out *= (exponent & 1) != 0 ? base : 1.0F;
    base *= base;
  }
  return out;
}

struct Pulse {
  std::int64_t first = -1;  ///< row of the buffer where its taps begin; -1: it is not heard
  int phase = 0;            ///< row of the taps, and the share of the next one
  float part = 0;
  float amplitude[kBands] = {};
};

/// Image `index` of `image_count`.
MMI_HOST_DEVICE inline Pulse image(const Pair& pair, const Format& format, std::int64_t index) {
  int n[3];
  double square = 0;
  int order = 0;
  for (int axis = 2; axis >= 0; --axis) {
    const int most = most_images(pair, format, axis);
    n[axis] = static_cast<int>(index % (2 * most + 1)) - most;
    index /= 2 * most + 1;
    // Even n shifts the source by n lengths, odd n mirrors it as well.
    const double within = pair.source[axis] - pair.low[axis];
    const double place = n[axis] % 2 == 0 ? n[axis] * pair.size[axis] + within
                                          : (n[axis] + 1) * pair.size[axis] - within;
    const double way = pair.low[axis] + place - pair.receiver[axis];
    square += way * way;
    order += n[axis] < 0 ? -n[axis] : n[axis];
  }
  Pulse pulse;
  const double distance = std::sqrt(square);
  const double time = distance * format.samples_per_metre;
  if (distance >= format.longest_m || time >= static_cast<double>(format.samples) ||
      (format.order >= 0 && order > format.order)) {
    return pulse;
  }
  pulse.first = static_cast<std::int64_t>(time);
  const double place = (time - static_cast<double>(pulse.first)) * kPhases;
  pulse.phase = static_cast<int>(place);
  pulse.part = static_cast<float>(place - pulse.phase);
  const double steps = distance * kAirStepsPerMetre;
  const auto step = static_cast<std::int64_t>(steps);
  const float share = static_cast<float>(steps - static_cast<double>(step));
  const float* air = format.air + step * kBands;
  for (int b = 0; b < kBands; ++b) {
    float level = static_cast<float>(1 / distance) * (air[b] + share * (air[kBands + b] - air[b]));
    for (int axis = 0; axis < 3; ++axis) {
      // Going up, the far wall is met first; going down, the near one.
      const int count = n[axis] < 0 ? -n[axis] : n[axis];
      const int up = n[axis] >= 0 ? (count + 1) / 2 : count / 2;
      level *= power(pair.kept[2 * axis][b], count - up) * power(pair.kept[2 * axis + 1][b], up);
    }
    pulse.amplitude[b] = level;
  }
  return pulse;
}

/// Weight of tap k.
MMI_HOST_DEVICE inline float tap(const Format& format, int phase, float part, int k) {
  const float* row = format.taps + static_cast<std::int64_t>(phase) * kTaps;
  return row[k] + part * (row[kTaps + k] - row[k]);
}

#ifdef MMI_WITH_CUDA
/// Adds the pulses of `count` pairs to bands (count, samples + kTaps, kBands) and waits for them.
/// All pointers, also those of `format`, are of CUDA device `device`. Returns what went wrong, or
/// null. Sums are in no fixed order: results differ by rounding from call to call.
const char* add_cuda(
    const Pair* pairs, std::int64_t count, const Format& format, float* bands, int device);
#endif

}  // namespace mmi::worlds::rooms::pulses
