#include "mmi/models/codec/scores.h"

#include <torch/torch.h>

#include <cmath>

#include "mmi/dsp/stft.h"

namespace mmi::models::codec {
namespace {

constexpr double kEpsilon = 1e-8;

double ratio_db(const torch::Tensor& signal, const torch::Tensor& noise) {
  const double energy = signal.square().sum().item<double>();
  return 10 * std::log10(
                  (energy + kEpsilon) /
                  (noise.square().sum().item<double>() + kEpsilon * energy + 1e-20));
}

torch::Tensor log_power(const torch::Tensor& wave) {
  dsp::StftConfig stft;
  stft.n_fft = 1024;
  stft.hop_samples = 256;
  stft.window = dsp::hann_window(1024);
  const double full_scale = stft.window.sum().square().item<double>() / 4;
  return 10 * (dsp::power(dsp::stft(wave, stft)) / full_scale).clamp_min(1e-8).log10();
}

}  // namespace

double si_sdr_db(const torch::Tensor& estimate, const torch::Tensor& truth) {
  const auto made = (estimate - estimate.mean()).to(torch::kFloat64);
  const auto wanted = (truth - truth.mean()).to(torch::kFloat64);
  const auto scale = (made * wanted).sum() / (wanted.square().sum() + 1e-20);
  const auto target = scale * wanted;
  return ratio_db(target, made - target);
}

double snr_db(const torch::Tensor& estimate, const torch::Tensor& truth) {
  return ratio_db(truth.to(torch::kFloat64), (estimate - truth).to(torch::kFloat64));
}

double log_spectral_distance_db(const torch::Tensor& estimate, const torch::Tensor& truth) {
  return (log_power(estimate) - log_power(truth)).square().mean(0).sqrt().mean().item<double>();
}

}  // namespace mmi::models::codec
