#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "mmi/base/api.h"

namespace mmi::dsp {

/// The octaves in which room acoustics are reported (ISO 3382-1), nominal centres.
inline constexpr std::array<double, 6> kOctaveCentresHz{125, 250, 500, 1000, 2000, 4000};

/// Octave-band filter: a Butterworth band-pass of order 6 (three sections, bilinear transform with
/// both edges prewarped), -3 dB at the band edges, 0 dB at the centre. Class 1 of IEC 61260-1 while
/// the upper edge is below a quarter of the sample rate; above, the lower skirt is flatter (4000 Hz
/// at 22.05 kHz by 0.1 dB, at 16 kHz by 2 dB: 38 dB two octaves below).
class MMI_API OctaveFilter {
 public:
  /// `centre_hz` is nominal (…, 63, 125, 250, …) and stands for 1000 * 10^(0.3 k) Hz. Throws
  /// ConfigError when it is no octave or when its upper edge is not below half the sample rate.
  OctaveFilter(double centre_hz, std::int64_t sample_rate_hz);

  double centre_hz() const;  ///< exact
  double lower_hz() const;   ///< centre * 10^-0.15
  double upper_hz() const;   ///< centre * 10^0.15

  /// Samples after which the impulse response has died away by more than 80 dB.
  std::size_t ring_samples() const {
    return ring_samples_;
  }

  /// Gain at a frequency, as amplitude.
  double gain(double frequency_hz) const;

  /// The band of waveform (N), causal -> (N + ring_samples): the waveform's time, then the ring.
  std::vector<double> forward(std::span<const float> waveform) const;

  /// The same filter run from the end to the beginning -> (ring_samples + N): the ring comes in
  /// front, sample ring_samples is the waveform's first. A decay keeps its slope in every sample of
  /// the waveform's time, because only what comes later leaks into it; forward the filter's own
  /// decay is laid over it, which needs bandwidth * T60 > 16 (Jacobsen & Rindel, J. Sound Vib. 117,
  /// 1987): 0.18 s at 125 Hz.
  std::vector<double> backward(std::span<const float> waveform) const;

 private:
  struct Section {
    double gain, a1, a2;  // gain (1 - z^-2) / (1 + a1 z^-1 + a2 z^-2)
  };

  template <class Iterator>
  void run(Iterator begin, Iterator end) const;

  std::int64_t sample_rate_hz_;
  double centre_hz_;
  std::size_t ring_samples_;
  std::array<Section, 3> sections_;
};

}  // namespace mmi::dsp
