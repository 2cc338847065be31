#include "mmi/dsp/griffin_lim.h"

#include <torch/fft.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>
#include <vector>

#include "mmi/base/errors.h"

namespace mmi::dsp {
namespace {

// The smallest normal float, as in librosa: keeps 0/0 out of the phase.
constexpr float kTiny = 1.1754944e-38F;
constexpr float kEnvelopeFloor = 1e-11F;
// Samples transformed together: their frames stay in the second-level cache, and few enough calls
// are made that what a call costs does not matter where frames are short.
constexpr std::int64_t kSamplesAtOnce = 1 << 15;

// Windows of no more samples are transformed by a matrix product: a small FFT costs more, the more
// so where n_fft has a large prime factor (xRIR: 62 samples in 124 = 4 * 31).
constexpr std::int64_t kLongestByMatrix = 128;

/// Real DFT of n_fft points of the samples from `first` on, the others being 0, as a matrix
/// (count, 2 bins) whose columns are real and imaginary parts by turns.
torch::Tensor dft_matrix(std::int64_t n_fft, std::int64_t first, std::int64_t count) {
  const auto n = torch::arange(first, first + count).unsqueeze(1);
  const auto k = torch::arange(n_fft / 2 + 1);
  const auto angle =
      (n * k).remainder(n_fft).to(torch::kFloat64) * (2.0 * std::numbers::pi / n_fft);
  return torch::stack({angle.cos(), -angle.sin()}, 2).flatten(1);
}

/// One waveform's iteration in (T, bins) layout, float32 on the CPU.
class FusedIteration {
 public:
  FusedIteration(
      const torch::Tensor& magnitude,
      const torch::Tensor& spectrum,
      const GriffinLimConfig& cfg,
      std::int64_t samples)
      : cfg_(cfg.stft),
        weight_(static_cast<float>(cfg.momentum / (1.0 + cfg.momentum))),
        chunk_(std::max<std::int64_t>(16, kSamplesAtOnce / cfg.stft.n_fft)),
        count_(magnitude.size(0)),
        bins_(magnitude.size(1)),
        samples_(samples),
        start_(cfg.stft.center ? cfg.stft.n_fft / 2 : 0),
        magnitude_(magnitude),
        spectrum_(spectrum),
        previous_(torch::zeros_like(spectrum)),
        window_(stft_window(cfg.stft, magnitude.options()).contiguous()) {
    const auto inside = window_.nonzero();
    if (inside.size(0) > 0 && inside.size(0) <= kLongestByMatrix) {
      first_ = inside[0].item<std::int64_t>();
      width_ = inside[-1].item<std::int64_t>() + 1 - first_;
      const auto forward = dft_matrix(cfg_.n_fft, first_, width_);
      // Every bin but the first and, of an even n_fft, the last stands for its conjugate too.
      auto twice = torch::full({bins_}, 2.0, torch::kFloat64);
      twice[0] = 1.0;
      if (cfg_.n_fft % 2 == 0) {
        twice[-1] = 1.0;
      }
      forward_ = forward.to(torch::kFloat32);
      inverse_ = (forward * twice.repeat_interleave(2) / cfg_.n_fft).t().to(torch::kFloat32);
      inverse_ = inverse_.contiguous();
    } else {
      width_ = cfg_.n_fft;
    }
    frames_ = torch::empty({count_, width_}, magnitude.options());
    const std::int64_t covered = cfg_.hop_samples * (count_ - 1) + cfg_.n_fft;
    signal_.assign(static_cast<std::size_t>(std::max(covered, start_ * 2 + samples_)), 0.0F);
    gain_.assign(signal_.size(), 0.0F);
    const auto* window = window_.data_ptr<float>();
    for (std::int64_t t = 0; t < count_; ++t) {
      for (std::int64_t i = 0; i < cfg_.n_fft; ++i) {
        gain_[static_cast<std::size_t>(t * cfg_.hop_samples + i)] += window[i] * window[i];
      }
    }
    for (auto& gain : gain_) {
      gain = gain > kEnvelopeFloor ? 1.0F / gain : 1.0F;
    }
  }

  /// Spectrum of the signal that is nearest to the current spectrum, momentum, new phases.
  void step() {
    inverse();
    extend_edges();
    for (std::int64_t t = 0; t < count_; t += chunk_) {
      const std::int64_t rows = std::min(chunk_, count_ - t);
      cut_frames(t, rows);
      const auto frames = frames_.narrow(0, t, rows);
      const auto rebuilt = forward_.defined()
                               ? frames.matmul(forward_)
                               : torch::view_as_real(torch::fft::rfft(frames)).flatten(1);
      new_phases(rebuilt, t, rows);
    }
  }

  torch::Tensor waveform() {
    inverse();
    return torch::from_blob(signal_.data() + start_, {samples_}, torch::kFloat32).clone();
  }

 private:
  void inverse() {
    std::fill(signal_.begin(), signal_.end(), 0.0F);
    for (std::int64_t t = 0; t < count_; t += chunk_) {
      const std::int64_t rows = std::min(chunk_, count_ - t);
      const auto spectrum = spectrum_.narrow(0, t, rows);
      const auto frames = inverse_.defined()
                              ? torch::view_as_real(spectrum).flatten(1).matmul(inverse_)
                              : torch::fft::irfft(spectrum, cfg_.n_fft);
      add_frames(frames.contiguous(), t);
    }
    for (std::size_t i = 0; i < signal_.size(); ++i) {
      signal_[i] *= gain_[i];
    }
  }

  void add_frames(const torch::Tensor& frames, std::int64_t first) {
    const float* window = window_.data_ptr<float>() + first_;
    const float* frame = frames.data_ptr<float>();
    for (std::int64_t t = first; t < first + frames.size(0); ++t, frame += width_) {
      float* out = signal_.data() + t * cfg_.hop_samples + first_;
      for (std::int64_t i = 0; i < width_; ++i) {
        out[i] += frame[i] * window[i];
      }
    }
  }

  void extend_edges() {
    if (!cfg_.center) {
      return;
    }
    float* body = signal_.data() + start_;
    for (std::int64_t i = 1; i <= start_; ++i) {
      const bool mirror = cfg_.pad_mode == PadMode::kReflect;
      body[-i] = mirror ? body[i] : 0.0F;
      body[samples_ - 1 + i] = mirror ? body[samples_ - 1 - i] : 0.0F;
    }
  }

  void cut_frames(std::int64_t first, std::int64_t rows) {
    const float* window = window_.data_ptr<float>() + first_;
    for (std::int64_t t = first; t < first + rows; ++t) {
      float* frame = frames_.data_ptr<float>() + t * width_;
      const float* in = signal_.data() + t * cfg_.hop_samples + first_;
      for (std::int64_t i = 0; i < width_; ++i) {
        frame[i] = in[i] * window[i];
      }
    }
  }

  // rebuilt (rows, 2 bins): real and imaginary parts by turns
  void new_phases(const torch::Tensor& rebuilt, std::int64_t first, std::int64_t rows) {
    const std::int64_t offset = first * bins_;
    const float* now = rebuilt.data_ptr<float>();
    auto* before = reinterpret_cast<float*>(previous_.data_ptr<c10::complex<float>>()) + 2 * offset;
    auto* out = reinterpret_cast<float*>(spectrum_.data_ptr<c10::complex<float>>()) + 2 * offset;
    const float* magnitude = magnitude_.data_ptr<float>() + offset;
    for (std::int64_t i = 0; i < rows * bins_; ++i) {
      const float re = now[2 * i] - weight_ * before[2 * i];
      const float im = now[2 * i + 1] - weight_ * before[2 * i + 1];
      const float scale = magnitude[i] / (std::sqrt(re * re + im * im) + kTiny);
      before[2 * i] = now[2 * i];
      before[2 * i + 1] = now[2 * i + 1];
      out[2 * i] = re * scale;
      out[2 * i + 1] = im * scale;
    }
  }

  StftConfig cfg_;
  float weight_;
  std::int64_t chunk_;  // frames
  std::int64_t count_;
  std::int64_t bins_;
  std::int64_t samples_;
  std::int64_t start_;
  std::int64_t first_ = 0;  // the window's samples that are looked at
  std::int64_t width_ = 0;
  torch::Tensor magnitude_;
  torch::Tensor spectrum_;
  torch::Tensor previous_;
  torch::Tensor frames_;
  torch::Tensor window_;
  torch::Tensor forward_;  // (width, 2 bins); undefined: by FFT
  torch::Tensor inverse_;
  std::vector<float> signal_;
  std::vector<float> gain_;
};

// (T, bins) complex: the magnitudes with their first phases.
torch::Tensor first_spectrum(const torch::Tensor& rows, InitialPhase phase, Rng& rng) {
  if (phase == InitialPhase::kZero) {
    return torch::complex(rows, torch::zeros_like(rows));
  }
  if (phase == InitialPhase::kFirstQuadrant) {
    auto parts = torch::empty({2, rows.numel()}, torch::kFloat64);
    auto* part = parts.data_ptr<double>();
    for (std::int64_t i = 0; i < parts.numel(); ++i) {
      part[i] = rng.uniform();
    }
    const auto shaped = parts.to(rows.options()).view({2, rows.size(0), rows.size(1)});
    return torch::complex(rows * shaped[0], rows * shaped[1]);
  }
  auto angles = torch::empty(rows.sizes(), torch::kFloat64);
  auto* out = angles.data_ptr<double>();
  for (std::int64_t i = 0; i < angles.numel(); ++i) {
    out[i] = 2.0 * std::numbers::pi * rng.uniform();
  }
  return torch::polar(rows, angles.to(rows.options()));
}

torch::Tensor iterate_in_torch(
    const torch::Tensor& rows,
    const torch::Tensor& first,
    const GriffinLimConfig& cfg,
    std::int64_t samples) {
  const double weight = cfg.momentum / (1.0 + cfg.momentum);
  const auto target = rows.transpose(0, 1);
  auto spectrum = first.transpose(0, 1);
  auto previous = torch::zeros_like(spectrum);
  for (std::int64_t i = 0; i < cfg.n_iter; ++i) {
    const auto rebuilt = stft(istft(spectrum, cfg.stft, samples), cfg.stft);
    const auto moved = rebuilt - weight * previous;
    spectrum = moved * (target / (torch::abs(moved) + kTiny));
    previous = rebuilt;
  }
  return istft(spectrum, cfg.stft, samples);
}

std::int64_t checked_samples(
    const torch::Tensor& magnitude,
    const GriffinLimConfig& cfg,
    std::optional<std::int64_t> length) {
  MMI_CHECK(
      ConfigError,
      cfg.n_iter >= 0 && cfg.momentum >= 0 && cfg.stft.hop_samples >= 1,
      "Griffin-Lim needs n_iter >= 0, momentum >= 0 and hop_samples >= 1, but they are {}, {}, {}",
      cfg.n_iter,
      cfg.momentum,
      cfg.stft.hop_samples);
  MMI_CHECK(
      ShapeError,
      magnitude.dim() >= 2 && magnitude.is_floating_point() &&
          magnitude.size(-2) == cfg.stft.n_fft / 2 + 1 && magnitude.size(-1) >= 1,
      "Griffin-Lim with n_fft {} needs real magnitudes [..., {}, T], but their shape is {}",
      cfg.stft.n_fft,
      cfg.stft.n_fft / 2 + 1,
      magnitude.sizes().vec());
  const std::int64_t count = magnitude.size(-1);
  const std::int64_t natural =
      cfg.stft.hop_samples * (count - 1) + (cfg.stft.center ? 0 : cfg.stft.n_fft);
  const std::int64_t samples = length.value_or(natural);
  MMI_CHECK(
      ShapeError,
      stft_frames(samples, cfg.stft) == count &&
          (!cfg.stft.center || cfg.stft.pad_mode == PadMode::kZeros ||
           samples > cfg.stft.n_fft / 2),
      "{} frames of hop {} do not belong to a waveform of {} samples with n_fft {}",
      count,
      cfg.stft.hop_samples,
      samples,
      cfg.stft.n_fft);
  return samples;
}

}  // namespace

torch::Tensor griffin_lim(
    const torch::Tensor& magnitude,
    const GriffinLimConfig& cfg,
    Rng& rng,
    std::optional<std::int64_t> length) {
  const torch::NoGradGuard no_grad;
  const std::int64_t samples = checked_samples(magnitude, cfg, length);
  const bool fused = magnitude.is_cpu() && magnitude.scalar_type() == torch::kFloat32;
  const auto items =
      magnitude.reshape({-1, magnitude.size(-2), magnitude.size(-1)}).transpose(1, 2);
  std::vector<torch::Tensor> waveforms;
  for (std::int64_t b = 0; b < items.size(0); ++b) {
    const auto rows = items[b].contiguous();
    const auto first = first_spectrum(rows, cfg.initial_phase, rng);
    if (!fused) {
      waveforms.push_back(iterate_in_torch(rows, first, cfg, samples));
      continue;
    }
    FusedIteration iteration(rows, first, cfg, samples);
    for (std::int64_t i = 0; i < cfg.n_iter; ++i) {
      iteration.step();
    }
    waveforms.push_back(iteration.waveform());
  }
  auto sizes = magnitude.sizes().vec();
  sizes.pop_back();
  sizes.back() = samples;
  return waveforms.empty() ? torch::zeros(sizes, magnitude.options())
                           : torch::stack(waveforms).reshape(sizes);
}

double spectral_convergence_db(
    const torch::Tensor& target, const torch::Tensor& waveform, const StftConfig& cfg) {
  const torch::NoGradGuard no_grad;
  const auto got = magnitude(stft(waveform, cfg));
  MMI_CHECK(
      ShapeError,
      got.sizes() == target.sizes(),
      "the waveform's spectrum has shape {}, but the target has shape {}",
      got.sizes().vec(),
      target.sizes().vec());
  const double error = (target - got).norm().item<double>();
  const double scale = target.norm().item<double>();
  return 20.0 * std::log10(error / scale);
}

}  // namespace mmi::dsp
