#include "mmi/dsp/stft.h"

#include <torch/fft.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "mmi/base/errors.h"

namespace mmi::dsp {
namespace {

// Overlapping windows that sum to less than this carry no information about the sample.
constexpr double kEnvelopeFloor = 1e-11;

void check_config(const StftConfig& cfg) {
  MMI_CHECK(ConfigError, cfg.n_fft >= 2, "n_fft must be at least 2, but is {}", cfg.n_fft);
  MMI_CHECK(
      ConfigError,
      cfg.hop_samples >= 1 && cfg.hop_samples <= cfg.n_fft,
      "hop_samples must lie in 1..n_fft ({}), but is {}",
      cfg.n_fft,
      cfg.hop_samples);
}

torch::Tensor pad_edges(const torch::Tensor& rows, const StftConfig& cfg) {
  const std::int64_t edge = cfg.n_fft / 2;
  if (cfg.pad_mode == PadMode::kZeros) {
    return torch::constant_pad_nd(rows, {edge, edge});
  }
  MMI_CHECK(
      ShapeError,
      rows.size(-1) > edge,
      "mirrored edges of n_fft {} need a waveform of more than {} samples, but it has {}: use a "
      "smaller n_fft or PadMode::kZeros",
      cfg.n_fft,
      edge,
      rows.size(-1));
  return torch::reflection_pad1d(rows, {edge, edge});
}

// frames (R, T, n_fft) -> (R, hop * (T - 1) + n_fft)
torch::Tensor overlap_add(const torch::Tensor& frames, std::int64_t hop) {
  const std::int64_t rows = frames.size(0);
  const std::int64_t count = frames.size(1);
  const std::int64_t n_fft = frames.size(2);
  const std::int64_t length = hop * (count - 1) + n_fft;
  if (n_fft % hop != 0) {
    return torch::col2im(frames.transpose(1, 2), {1, length}, {1, n_fft}, {1, 1}, {0, 0}, {1, hop})
        .reshape({rows, length});
  }
  const std::int64_t slabs = n_fft / hop;
  const auto parts = frames.reshape({rows, count, slabs, hop});
  auto sum = torch::zeros({rows, count + slabs - 1, hop}, frames.options());
  for (std::int64_t s = 0; s < slabs; ++s) {
    sum.narrow(1, s, count).add_(parts.select(2, s));
  }
  return sum.reshape({rows, length});
}

std::vector<std::int64_t> replace_tail(
    const torch::Tensor& x, std::int64_t drop, std::initializer_list<std::int64_t> tail) {
  auto sizes = x.sizes().vec();
  sizes.resize(sizes.size() - static_cast<std::size_t>(drop));
  sizes.insert(sizes.end(), tail);
  return sizes;
}

}  // namespace

torch::Tensor hann_window(std::int64_t n) {
  return torch::hann_window(n, /*periodic=*/true, torch::kFloat64).to(torch::kFloat32);
}

torch::Tensor stft_window(const StftConfig& cfg, const torch::TensorOptions& options) {
  check_config(cfg);
  if (!cfg.window.defined()) {
    return torch::hann_window(cfg.n_fft, true, torch::kFloat64).to(options);
  }
  const std::int64_t size = cfg.window.dim() == 1 ? cfg.window.size(0) : -1;
  MMI_CHECK(
      ConfigError,
      size >= 1 && size <= cfg.n_fft,
      "the window must have shape [n] with 1 <= n <= n_fft ({}), but has shape {}",
      cfg.n_fft,
      cfg.window.sizes().vec());
  const std::int64_t left = (cfg.n_fft - size) / 2;
  return torch::constant_pad_nd(cfg.window.to(options), {left, cfg.n_fft - size - left});
}

std::int64_t stft_frames(std::int64_t samples, const StftConfig& cfg) {
  check_config(cfg);
  const std::int64_t padded = samples + (cfg.center ? 2 * (cfg.n_fft / 2) : 0);
  return padded < cfg.n_fft ? 0 : 1 + (padded - cfg.n_fft) / cfg.hop_samples;
}

torch::Tensor stft(const torch::Tensor& waveform, const StftConfig& cfg) {
  MMI_CHECK(
      ShapeError,
      waveform.dim() >= 1 && waveform.is_floating_point() && waveform.numel() > 0,
      "stft needs a floating-point waveform [..., N] with N > 0, but its shape is {}",
      waveform.sizes().vec());
  const auto window = stft_window(cfg, waveform.options());
  auto rows = waveform.reshape({-1, waveform.size(-1)});
  if (cfg.center) {
    rows = pad_edges(rows, cfg);
  }
  MMI_CHECK(
      ShapeError,
      rows.size(-1) >= cfg.n_fft,
      "a waveform of {} samples is shorter than one frame of n_fft {}: pad it or use center",
      waveform.size(-1),
      cfg.n_fft);
  const auto frames = rows.unfold(-1, cfg.n_fft, cfg.hop_samples) * window;
  const auto spectrum = torch::fft::rfft(frames).transpose(-1, -2);
  return spectrum.reshape(replace_tail(waveform, 1, {spectrum.size(1), spectrum.size(2)}));
}

torch::Tensor istft(
    const torch::Tensor& spectrum, const StftConfig& cfg, std::optional<std::int64_t> length) {
  check_config(cfg);
  const std::int64_t bins = cfg.n_fft / 2 + 1;
  MMI_CHECK(
      ShapeError,
      spectrum.dim() >= 2 && spectrum.is_complex() && spectrum.size(-2) == bins &&
          spectrum.size(-1) >= 1,
      "istft with n_fft {} needs a complex spectrum [..., {}, T], but its shape is {}",
      cfg.n_fft,
      bins,
      spectrum.sizes().vec());
  const std::int64_t count = spectrum.size(-1);
  const auto rows = spectrum.reshape({-1, bins, count}).transpose(1, 2);
  auto frames = torch::fft::irfft(rows, cfg.n_fft);
  const auto window = stft_window(cfg, frames.options());
  frames = frames * window;
  const auto envelope = overlap_add(
      (window * window).reshape({1, 1, -1}).expand({1, count, cfg.n_fft}), cfg.hop_samples);
  auto waveform = overlap_add(frames, cfg.hop_samples) /
                  torch::where(envelope > kEnvelopeFloor, envelope, torch::ones_like(envelope));
  const std::int64_t start = cfg.center ? cfg.n_fft / 2 : 0;
  const std::int64_t natural = cfg.hop_samples * (count - 1) + (cfg.center ? 0 : cfg.n_fft);
  const std::int64_t wanted = length.value_or(natural);
  MMI_CHECK(ShapeError, wanted >= 0, "istft's length must not be negative, but is {}", wanted);
  const std::int64_t kept = std::min(wanted, waveform.size(-1) - start);
  waveform = waveform.narrow(-1, start, kept);
  if (kept < wanted) {
    waveform = torch::constant_pad_nd(waveform, {0, wanted - kept});
  }
  return waveform.reshape(replace_tail(spectrum, 2, {wanted}));
}

torch::Tensor magnitude(const torch::Tensor& spectrum) {
  return torch::abs(spectrum);
}

torch::Tensor power(const torch::Tensor& spectrum) {
  // stft's result is transposed: its memory is (…, T, bins).
  const auto rows = spectrum.dim() >= 2 ? spectrum.transpose(-1, -2) : spectrum;
  if (!spectrum.is_cpu() || spectrum.scalar_type() != torch::kComplexFloat ||
      spectrum.requires_grad() || !rows.is_contiguous() || rows.is_conj()) {
    return torch::view_as_real(spectrum).square().sum(-1);
  }
  auto result = torch::empty(rows.sizes(), torch::kFloat32);
  const auto* in = reinterpret_cast<const float*>(rows.const_data_ptr<c10::complex<float>>());
  float* out = result.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < rows.numel(); ++i) {
    out[i] = in[2 * i] * in[2 * i] + in[2 * i + 1] * in[2 * i + 1];
  }
  return spectrum.dim() >= 2 ? result.transpose(-1, -2) : result;
}

torch::Tensor power_to_db(
    const torch::Tensor& power, double reference, double floor, double range_db) {
  MMI_CHECK(
      ConfigError,
      reference > 0 && floor > 0,
      "power_to_db needs a positive reference and floor, but they are {} and {}",
      reference,
      floor);
  const auto db = 10.0 * torch::log10(torch::clamp_min(power, floor)) -
                  10.0 * std::log10(std::max(reference, floor));
  if (range_db <= 0 || power.numel() == 0) {
    return db;
  }
  return torch::maximum(db, db.max() - range_db);
}

}  // namespace mmi::dsp
