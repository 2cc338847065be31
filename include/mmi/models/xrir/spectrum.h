#pragma once

#include <torch/types.h>

#include <cstdint>

#include "mmi/base/api.h"
#include "mmi/dsp/stft.h"

/// From impulse responses to the log spectrograms of xRIR, and back (official code
/// utils/spec_utils.py, model/xRIR.py).
namespace mmi::models::xrir {

inline constexpr double kSampleRateHz = 22050;
inline constexpr double kSpeedOfSound = 343;  ///< m/s
inline constexpr std::int64_t kBins = 63;     ///< frequencies

/// n_fft 124, Hann window of 62 samples in its middle, hop 31, silence of 62 samples at both ends.
MMI_API dsp::StftConfig stft_config();

/// 310 for 9600 samples: 1 + N / 31.
MMI_API std::int64_t frames_of(std::int64_t samples);

/// waveform (..., N) -> magnitudes (..., 63, T), at least sqrt(1e-7).
MMI_API torch::Tensor magnitudes(const torch::Tensor& waveform);

/// ln(magnitude + 1e-8), and the way back.
MMI_API torch::Tensor to_log(const torch::Tensor& magnitude);
MMI_API torch::Tensor from_log(const torch::Tensor& log_spectrum);

/// Samples by which a reference measured at distance |r| has to be delayed to arrive as if from
/// distance |s|: round((|s| - |r|) / 343 * 22050), halves to even. source (B,3), references (B,K,3)
/// relative to the receiver -> (B,K) int64; negative: earlier.
MMI_API torch::Tensor alignment_delays(
    const torch::Tensor& source, const torch::Tensor& references);

/// Delays the references and scales them by |r| / (|s| + 1e-7), the direct sound's change of level.
/// What is moved in is silence, what leaves the N samples is lost. responses (B,K,N) -> (B,K,N).
MMI_API torch::Tensor align(
    const torch::Tensor& responses, const torch::Tensor& source, const torch::Tensor& references);

/// Waveforms (B, 31 (T - 1)) with the magnitudes of log spectrograms (B,63,T): fast Griffin-Lim, 32
/// iterations, as the published evaluation. `seed` gives the first phases.
MMI_API torch::Tensor to_waveform(const torch::Tensor& log_spectrum, std::uint64_t seed);

}  // namespace mmi::models::xrir
