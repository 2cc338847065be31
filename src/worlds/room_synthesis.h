#pragma once

#include <cstdint>
#include <vector>

#include "mmi/base/rng.h"
#include "mmi/worlds/rooms/simulate.h"
#include "worlds/room_fft.h"
#include "worlds/room_geometry.h"

namespace mmi::worlds::rooms {

/// What arrives at a receiver, a value a band and sample: sums of band-limited pulses and signs.
class PulseTrain {
 public:
  static constexpr int kTaps = 32;
  static constexpr int kPhases = 256;

  PulseTrain(std::int64_t samples, double samples_per_metre);

  void clear();

  /// A pulse after `distance_m`, shifted by fractions of a sample with a windowed sinc. What lies
  /// after the end is left out.
  MMI_INLINE void add(double distance_m, const F8& amplitude) {
    const double time = distance_m * samples_per_metre_;
    const auto whole = static_cast<std::int64_t>(time);
    if (whole >= samples_) {
      return;
    }
    const auto place = (time - static_cast<double>(whole)) * kPhases;
    const auto phase = static_cast<std::size_t>(place);
    const float part = static_cast<float>(place - static_cast<double>(phase));
    const float* a = taps_.data() + phase * kTaps;
    const float* b = a + kTaps;
    F8* out = bands_.data() + whole;  // the buffer begins kTaps / 2 - 1 samples before time 0
    for (int k = 0; k < kTaps; ++k) {
      out[k] += (a[k] + part * (b[k] - a[k])) * amplitude;
    }
  }

  /// Random signs with the energy of each bin; `histogram` has (bins) entries of `bin_samples`.
  void add_late(const F8* histogram, std::int64_t bins, double bin_samples, Rng& signs);

  /// L + taps values from time -(taps / 2 - 1) on.
  const std::vector<F8>& bands() const {
    return bands_;
  }

  std::vector<F8>& bands() {
    return bands_;
  }

  /// (kPhases + 1, kTaps): the sinc shifted by phases of a sample.
  static const std::vector<float>& taps();

 private:
  std::int64_t samples_;
  double samples_per_metre_;
  std::vector<F8> bands_;
  const std::vector<float>& taps_;
};

/// Puts the bands together: each is filtered by a gain that falls off as a raised cosine on the
/// logarithmic axis between centres, so that all gains sum to 1, and the sum by a high-pass.
class BandMixer {
 public:
  BandMixer(std::int64_t samples, double sample_rate_hz, double high_pass_hz);

  /// Memory that one thread uses again for every response.
  struct Space {
    std::vector<Complex<F8>> bands, other_bands;
    std::vector<Complex<float>> sum, other_sum;
  };

  Space make_space() const;

  /// Writes L samples.
  void mix(const PulseTrain& train, Space& space, float* out) const;

 private:
  /// At one frequency at most two neighbouring bands have a gain.
  struct Bin {
    int band = 0;
    float gain = 0;  ///< of `band`; that of the next one is 1 - gain
    Complex<float> common{};
  };

  std::int64_t samples_;
  std::size_t half_;  ///< complex values that hold the real ones in pairs
  std::vector<Bin> bins_;
  std::vector<Complex<float>> half_roots_;   ///< of the transform of pairs
  std::vector<Complex<float>> whole_roots_;  ///< that take pairs apart
};

}  // namespace mmi::worlds::rooms
