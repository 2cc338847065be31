#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>

#include "mmi/base/api.h"

namespace mmi::dsp {

/// How `center` extends a waveform by n_fft/2 samples on both sides.
enum class PadMode {
  kReflect,  ///< mirrored without repeating the edge (torch.stft's default)
  kZeros,    ///< silence (librosa's default since 0.10)
};

/// Parameters of the short-time Fourier transform.
struct StftConfig {
  std::int64_t n_fft = 2048;
  std::int64_t hop_samples = 256;  ///< 1..n_fft
  torch::Tensor window = {};       ///< (n <= n_fft), centred in n_fft; undefined: periodic Hann
  bool center = true;              ///< frame t is centred at sample t * hop_samples
  PadMode pad_mode = PadMode::kReflect;
};

/// Periodic Hann window (n), float32.
MMI_API torch::Tensor hann_window(std::int64_t n);

/// The window of `cfg`, zero-padded to (n_fft), with the dtype and device of `options`.
/// Throws ConfigError when n_fft, hop or window do not fit together.
MMI_API torch::Tensor stft_window(const StftConfig& cfg, const torch::TensorOptions& options);

/// Number of frames T of a waveform of N samples: 1 + (N + (center ? n_fft : 0) - n_fft) / hop.
MMI_API std::int64_t stft_frames(std::int64_t samples, const StftConfig& cfg);

/// waveform (..., N) float or double -> complex (..., n_fft/2+1, T). Differentiable.
/// Throws ShapeError when the waveform is shorter than one frame (or than the mirrored edge).
MMI_API torch::Tensor stft(const torch::Tensor& waveform, const StftConfig& cfg = {});

/// Least-squares inverse (Griffin & Lim 1984): complex (..., n_fft/2+1, T) -> (..., N) with
/// N = hop * (T - 1) when centred, else hop * (T - 1) + n_fft; `length` crops or zero-pads to
/// (..., length). Samples under no window are left unscaled. Differentiable.
MMI_API torch::Tensor istft(
    const torch::Tensor& spectrum,
    const StftConfig& cfg = {},
    std::optional<std::int64_t> length = {});

/// |spectrum|, real.
MMI_API torch::Tensor magnitude(const torch::Tensor& spectrum);

/// |spectrum|^2, real; cheaper than the square of magnitude().
MMI_API torch::Tensor power(const torch::Tensor& spectrum);

/// 10 log10(max(power, floor) / reference), clipped to at most `range_db` below its maximum
/// (range_db <= 0: not clipped). Equal to librosa.power_to_db.
MMI_API torch::Tensor power_to_db(
    const torch::Tensor& power,
    double reference = 1.0,
    double floor = 1e-10,
    double range_db = 80.0);

}  // namespace mmi::dsp
