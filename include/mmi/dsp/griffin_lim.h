#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>

#include "mmi/base/api.h"
#include "mmi/base/rng.h"
#include "mmi/dsp/stft.h"

namespace mmi::dsp {

enum class InitialPhase {
  kRandom,  ///< any phase, as librosa
  kZero,
  kFirstQuadrant,  ///< real and imaginary part uniform in [0, 1), as torchaudio
};

struct GriffinLimConfig {
  std::int64_t n_iter = 60;
  double momentum = 0.99;  ///< 0: Griffin & Lim 1984; 0.99: Perraudin et al. 2013
  InitialPhase initial_phase = InitialPhase::kRandom;
  StftConfig stft;  ///< the transform the magnitudes were made with
};

/// Waveform whose STFT magnitude approximates the given one: magnitude (..., n_fft/2+1, T) >= 0
/// (linear, not log) -> (..., N), N as istft's, or `length` when given, which must have T frames.
/// The fast Griffin-Lim algorithm (Perraudin, Balazs, Sondergaard, "A fast Griffin-Lim
/// algorithm", WASPAA 2013), step for step that of librosa.griffinlim. float32 on the CPU runs a
/// fused kernel; other dtypes and devices run the same steps in torch operations.
/// Not differentiable. `rng` is used for the random ones of the initial phases only.
MMI_API torch::Tensor griffin_lim(
    const torch::Tensor& magnitude,
    const GriffinLimConfig& cfg,
    Rng& rng,
    std::optional<std::int64_t> length = {});

/// 20 log10(||target - |STFT(waveform)|| / ||target||): how well a waveform (..., N) has the
/// magnitudes target (..., n_fft/2+1, T); lower is better.
MMI_API double spectral_convergence_db(
    const torch::Tensor& target, const torch::Tensor& waveform, const StftConfig& cfg);

}  // namespace mmi::dsp
