#include "mmi/dsp/mel.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "mmi/base/errors.h"

namespace mmi::dsp {
namespace {

// Slaney's scale: 200/3 Hz per mel up to 1 kHz, then 27 mels per factor 6.4.
constexpr double kLinearHzPerMel = 200.0 / 3.0;
constexpr double kBreakHz = 1000.0;
constexpr double kBreakMel = kBreakHz / kLinearHzPerMel;

double log_step() {
  return std::log(6.4) / 27.0;
}

double checked_f_max(const MelConfig& cfg) {
  const double nyquist = static_cast<double>(cfg.sample_rate_hz) / 2;
  const double f_max = cfg.f_max_hz > 0 ? cfg.f_max_hz : nyquist;
  MMI_CHECK(
      ConfigError,
      cfg.f_min_hz >= 0 && cfg.f_min_hz < f_max && f_max <= nyquist,
      "mel frequencies must satisfy 0 <= f_min < f_max <= {} Hz (half the sample rate), but are "
      "{} and {}",
      nyquist,
      cfg.f_min_hz,
      f_max);
  MMI_CHECK(
      ConfigError,
      cfg.n_mels >= 1 && cfg.n_fft >= 2,
      "a mel bank needs n_mels >= 1 and n_fft >= 2, but they are {} and {}",
      cfg.n_mels,
      cfg.n_fft);
  return f_max;
}

}  // namespace

double hz_to_mel(double hz, MelScale scale) {
  if (scale == MelScale::kHtk) {
    return 2595.0 * std::log10(1.0 + hz / 700.0);
  }
  return hz < kBreakHz ? hz / kLinearHzPerMel : kBreakMel + std::log(hz / kBreakHz) / log_step();
}

double mel_to_hz(double mel, MelScale scale) {
  if (scale == MelScale::kHtk) {
    return 700.0 * (std::pow(10.0, mel / 2595.0) - 1.0);
  }
  return mel < kBreakMel ? mel * kLinearHzPerMel
                         : kBreakHz * std::exp(log_step() * (mel - kBreakMel));
}

torch::Tensor mel_filter_bank(const MelConfig& cfg) {
  const double f_max = checked_f_max(cfg);
  const double low = hz_to_mel(cfg.f_min_hz, cfg.scale);
  const double high = hz_to_mel(f_max, cfg.scale);
  std::vector<double> edges(static_cast<std::size_t>(cfg.n_mels + 2));
  for (std::size_t i = 0; i < edges.size(); ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(cfg.n_mels + 1);
    edges[i] = mel_to_hz(low + (high - low) * share, cfg.scale);
  }
  const std::int64_t bins = cfg.n_fft / 2 + 1;
  auto bank = torch::zeros({cfg.n_mels, bins}, torch::kFloat32);
  auto* out = bank.data_ptr<float>();
  const double bin_hz = static_cast<double>(cfg.sample_rate_hz) / static_cast<double>(cfg.n_fft);
  for (std::size_t m = 0; m + 2 < edges.size(); ++m) {
    const double rise = edges[m + 1] - edges[m];
    const double fall = edges[m + 2] - edges[m + 1];
    const double peak = cfg.area_norm ? 2.0 / (edges[m + 2] - edges[m]) : 1.0;
    for (std::int64_t k = 0; k < bins; ++k, ++out) {
      const double hz = bin_hz * static_cast<double>(k);
      const double weight = std::min((hz - edges[m]) / rise, (edges[m + 2] - hz) / fall);
      *out = static_cast<float>(std::max(0.0, weight) * peak);
    }
  }
  return bank;
}

torch::Tensor mel_spectrogram(
    const torch::Tensor& waveform,
    const torch::Tensor& bank,
    const StftConfig& stft_cfg,
    double exponent) {
  MMI_CHECK(
      ShapeError,
      bank.dim() == 2 && bank.size(1) == stft_cfg.n_fft / 2 + 1,
      "a mel bank for n_fft {} must have shape [n_mels, {}], but has shape {}",
      stft_cfg.n_fft,
      stft_cfg.n_fft / 2 + 1,
      bank.sizes().vec());
  const auto spectrum = stft(waveform, stft_cfg);
  auto energy = exponent == 2.0 ? power(spectrum) : magnitude(spectrum);
  if (exponent != 2.0 && exponent != 1.0) {
    energy = torch::pow(energy, exponent);
  }
  return torch::matmul(bank.to(energy.options()), energy);
}

}  // namespace mmi::dsp
