#include "mmi/dsp/measures.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "mmi/base/errors.h"
#include "mmi/dsp/stft.h"

namespace mmi::dsp {
namespace {

constexpr std::int64_t kLag = 2;    // frames between the spectra that are compared
constexpr std::int64_t kLead = 16;  // frames of silence in front

// Positive change of the log spectrum per frame; the strongest is 1.
std::vector<double> spectral_flux(
    std::span<const float> waveform, std::int64_t n_fft, std::int64_t hop) {
  const torch::NoGradGuard no_grad;
  const auto count = static_cast<std::int64_t>(waveform.size());
  // Silence in front lets an onset at sample 0 be seen.
  const auto signal = torch::constant_pad_nd(
      torch::from_blob(const_cast<float*>(waveform.data()), {count}, torch::kFloat32),
      {kLead * hop, 0});
  // The sharp end of a cut-off sound is no onset: only frames inside the waveform count.
  if (signal.size(0) < n_fft) {
    return {};
  }
  const auto bins = magnitude(stft(signal, {n_fft, hop, {}, false}));
  const double loudest = bins.max().item<double>();
  if (!(loudest > 0) || bins.size(1) <= kLag) {
    return {};
  }
  const auto compressed = torch::log1p(bins * (200.0 / loudest)).transpose(0, 1);
  const auto spread = torch::max_pool1d(compressed.unsqueeze(1), 3, 1, 1).squeeze(1);
  const std::int64_t frames = compressed.size(0);
  const auto rise =
      torch::relu(compressed.narrow(0, kLag, frames - kLag) - spread.narrow(0, 0, frames - kLag))
          .sum(1)
          .to(torch::kFloat64);
  const double strongest = rise.max().item<double>();
  std::vector<double> flux(static_cast<std::size_t>(frames), 0.0);
  for (std::int64_t t = kLag; t < frames && strongest > 0; ++t) {
    flux[static_cast<std::size_t>(t)] = rise.data_ptr<double>()[t - kLag] / strongest;
  }
  return flux;
}

bool is_peak(const std::vector<double>& flux, std::int64_t t, double hop_ms, double threshold) {
  const auto size = static_cast<std::int64_t>(flux.size());
  const auto at = [&](double ms) { return static_cast<std::int64_t>(std::lround(ms / hop_ms)); };
  const auto begin = flux.begin() + std::max<std::int64_t>(0, t - at(30));
  const auto end = flux.begin() + std::min(size, t + at(30) + 1);
  const double here = flux[static_cast<std::size_t>(t)];
  if (here < *std::max_element(begin, end)) {
    return false;
  }
  const std::int64_t from = std::max<std::int64_t>(0, t - at(100));
  const std::int64_t to = std::min(size, t + at(70) + 1);
  double sum = 0;
  for (std::int64_t i = from; i < to; ++i) {
    sum += flux[static_cast<std::size_t>(i)];
  }
  return here >= sum / static_cast<double>(to - from) + threshold;
}

}  // namespace

std::span<const float> samples_of(const torch::Tensor& waveform) {
  MMI_CHECK(
      ShapeError,
      waveform.is_cpu() && waveform.scalar_type() == torch::kFloat32 && waveform.is_contiguous(),
      "a contiguous float32 CPU waveform is needed, but this tensor of shape {} is not one",
      waveform.sizes().vec());
  return {waveform.data_ptr<float>(), static_cast<std::size_t>(waveform.numel())};
}

double peak(std::span<const float> waveform) {
  float largest = 0;
  for (const float sample : waveform) {
    largest = std::max(largest, std::abs(sample));
  }
  return largest;
}

double rms_dbfs(std::span<const float> waveform) {
  double sum = 0;
  for (const float sample : waveform) {
    sum += static_cast<double>(sample) * sample;
  }
  if (sum <= 0) {
    return -std::numeric_limits<double>::infinity();
  }
  return 10.0 * std::log10(sum / static_cast<double>(waveform.size()));
}

std::vector<double> detect_onsets(
    std::span<const float> waveform, std::int64_t sample_rate_hz, const OnsetConfig& cfg) {
  MMI_CHECK(
      ConfigError,
      sample_rate_hz > 0 && cfg.hop_ms > 0 && cfg.window_ms >= 2 * cfg.hop_ms,
      "onset detection needs a positive rate and window_ms >= 2 hop_ms, but got {} Hz, {}, {} ms",
      sample_rate_hz,
      cfg.window_ms,
      cfg.hop_ms);
  const double rate_khz = static_cast<double>(sample_rate_hz) / 1000.0;
  const std::int64_t hop = std::max<std::int64_t>(1, std::lround(cfg.hop_ms * rate_khz));
  const std::int64_t n_fft =
      2 * std::max<std::int64_t>(2, std::lround(cfg.window_ms * rate_khz / 2));
  if (waveform.empty()) {
    return {};
  }
  const auto flux = spectral_flux(waveform, n_fft, hop);
  const double hop_s = static_cast<double>(hop) / static_cast<double>(sample_rate_hz);
  const double window_s = static_cast<double>(n_fft) / static_cast<double>(sample_rate_hz);
  std::vector<double> onsets;
  for (std::int64_t t = 0; t < static_cast<std::int64_t>(flux.size()); ++t) {
    if (!is_peak(flux, t, hop_s * 1000.0, cfg.threshold)) {
      continue;
    }
    // The change lies between the two compared spectra. The logarithm makes it strongest while the
    // sound fills the last quarter of the window.
    const double middle_s = (static_cast<double>(t - kLead) - 0.5 * kLag) * hop_s;
    const double time_s = std::max(0.0, middle_s + 0.75 * window_s);
    if (onsets.empty() || time_s - onsets.back() >= cfg.min_distance_ms / 1000.0) {
      onsets.push_back(time_s);
    }
  }
  return onsets;
}

OnsetMatch match_onsets(
    const std::vector<double>& found,
    const std::vector<double>& expected,
    double tolerance_s,
    double merge_s) {
  std::vector<double> wanted;
  for (const double time : expected) {
    if (wanted.empty() || time - wanted.back() >= merge_s) {
      wanted.push_back(time);
    }
  }
  OnsetMatch match;
  std::size_t f = 0;
  double error_sum = 0;
  for (const double time : wanted) {
    while (f < found.size() && found[f] < time - tolerance_s) {
      ++f;
    }
    if (f < found.size() && found[f] <= time + tolerance_s) {
      error_sum += found[f] - time;
      match.max_error_s = std::max(match.max_error_s, std::abs(found[f] - time));
      ++match.matched;
      ++f;
    }
  }
  const auto matched = static_cast<double>(match.matched);
  match.recall = wanted.empty() ? 1.0 : matched / static_cast<double>(wanted.size());
  match.precision = found.empty() ? 1.0 : matched / static_cast<double>(found.size());
  match.mean_error_s = match.matched > 0 ? error_sum / matched : 0.0;
  return match;
}

}  // namespace mmi::dsp
