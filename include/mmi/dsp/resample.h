#pragma once

#include <torch/types.h>

#include <cstdint>

#include "mmi/base/api.h"

namespace mmi::dsp {

/// Kaiser-windowed sinc; the defaults are those known as "kaiser_best" (stop band below -120 dB).
struct ResampleConfig {
  std::int64_t zero_crossings = 64;     ///< of the sinc on each side
  double rolloff = 0.9475937167399596;  ///< cut-off as a share of the lower Nyquist frequency
  double kaiser_beta = 14.769656459379492;
};

/// Number of samples after resampling: ceil(samples * to / from).
MMI_API std::int64_t resampled_length(
    std::int64_t samples, std::int64_t from_hz, std::int64_t to_hz);

/// waveform (..., N) at from_hz -> (..., ceil(N * to_hz / from_hz)) at to_hz, zero phase: sample 0
/// stays at time 0. Any ratio of integers; a polyphase filter bank (Smith & Gossett 1984) as one
/// matrix product where the reduced ratio is small (44100 -> 16000: 441/160), a gathered filter
/// otherwise. Outside the waveform is silence. Differentiable.
MMI_API torch::Tensor resample(
    const torch::Tensor& waveform,
    std::int64_t from_hz,
    std::int64_t to_hz,
    const ResampleConfig& cfg = {});

/// The same piece by piece, in bounded memory: all pieces together are what `resample` makes of the
/// whole, to rounding.
class MMI_API ResampleStream {
 public:
  ResampleStream(std::int64_t from_hz, std::int64_t to_hz, const ResampleConfig& cfg = {});

  /// (..., n) → (..., m), what no later sample changes; n and m may be 0.
  torch::Tensor push(const torch::Tensor& piece, bool last);

 private:
  ResampleConfig cfg_;
  std::int64_t from_, to_;
  std::int64_t context_;     ///< input samples on each side that an output depends on, whole blocks
  std::int64_t before_ = 0;  ///< input samples of the buffer that have been used up
  std::int64_t total_ = 0;
  std::int64_t given_ = 0;
  torch::Tensor buffer_;
};

}  // namespace mmi::dsp
