#pragma once

#include <torch/types.h>

#include <cstdint>

#include "mmi/base/api.h"
#include "mmi/dsp/stft.h"

namespace mmi::dsp {

enum class MelScale {
  kSlaney,  ///< linear below 1 kHz, logarithmic above (Auditory Toolbox; librosa's default)
  kHtk,     ///< 2595 log10(1 + f / 700)
};

struct MelConfig {
  std::int64_t sample_rate_hz = 16000;
  std::int64_t n_fft = 2048;
  std::int64_t n_mels = 128;
  double f_min_hz = 0;
  double f_max_hz = 0;  ///< 0: half the sample rate
  MelScale scale = MelScale::kSlaney;
  bool area_norm = true;  ///< "slaney" norm: each triangle has unit area in Hz; false: unit peak
};

MMI_API double hz_to_mel(double hz, MelScale scale);
MMI_API double mel_to_hz(double mel, MelScale scale);

/// Triangular filters (n_mels, n_fft/2+1) float32, equal to librosa.filters.mel.
/// Throws ConfigError when the frequencies are not ordered 0 <= f_min < f_max <= rate / 2.
MMI_API torch::Tensor mel_filter_bank(const MelConfig& cfg);

/// waveform (..., N) -> (..., n_mels, T): bank x |STFT|^exponent (exponent 2: power, 1:
/// magnitude). `stft.n_fft` must be the bank's. Differentiable; equal to
/// librosa.feature.melspectrogram when stft.pad_mode = kZeros.
MMI_API torch::Tensor mel_spectrogram(
    const torch::Tensor& waveform,
    const torch::Tensor& bank,
    const StftConfig& stft,
    double exponent = 2.0);

}  // namespace mmi::dsp
