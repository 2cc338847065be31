#include "mmi/models/codec/losses.h"

#include <torch/torch.h>

#include <algorithm>

#include "mmi/base/errors.h"
#include "mmi/dsp/mel.h"

namespace mmi::models::codec {
namespace {

constexpr std::int64_t kFirstWindow = 64;
constexpr std::int64_t kLastWindow = 1024;
constexpr double kFloor = 1e-5;
constexpr double kEpsilon = 1e-12;

}  // namespace

MelLoss::MelLoss(std::int64_t sample_rate_hz) {
  for (std::int64_t window = kFirstWindow; window <= kLastWindow; window *= 2) {
    dsp::MelConfig mel;
    mel.sample_rate_hz = sample_rate_hz;
    mel.n_fft = window;
    mel.n_mels = 64;
    mel.f_min_hz = 64;
    mel.scale = dsp::MelScale::kHtk;
    mel.area_norm = false;
    Scale scale;
    scale.stft.n_fft = window;
    scale.stft.hop_samples = window / 4;
    scale.stft.window = dsp::hann_window(window);
    scale.stft.center = false;
    scale.bank = dsp::mel_filter_bank(mel) / scale.stft.window.square().sum();
    scales_.push_back(scale);
  }
}

// Mirrored at both ends, and filled with silence until the last frame is whole.
torch::Tensor MelLoss::spectrum(const torch::Tensor& wave, const Scale& scale) {
  const std::int64_t window = scale.stft.n_fft;
  const std::int64_t hop = scale.stft.hop_samples;
  const std::int64_t edge = (window - hop) / 2;
  auto padded = at::reflection_pad1d(wave, {edge, edge});
  const std::int64_t surplus = (padded.size(2) - window) % hop;
  if (surplus != 0) {
    padded = at::constant_pad_nd(padded, {0, hop - surplus});
  }
  return dsp::mel_spectrogram(padded, scale.bank.to(wave.device()), scale.stft);
}

torch::Tensor MelLoss::operator()(const torch::Tensor& estimate, const torch::Tensor& truth) const {
  torch::Tensor sum;
  for (const Scale& scale : scales_) {
    const auto made = spectrum(estimate, scale);
    const auto wanted = spectrum(truth, scale);
    const auto one = torch::l1_loss(made, wanted) +
                     torch::mse_loss((made + kFloor).log10(), (wanted + kFloor).log10());
    sum = sum.defined() ? sum + one : one;
  }
  return sum / (2.0 * static_cast<double>(scales_.size()));
}

torch::Tensor feature_loss(
    const std::vector<std::vector<torch::Tensor>>& estimate,
    const std::vector<std::vector<torch::Tensor>>& truth) {
  MMI_CHECK(
      ShapeError,
      !estimate.empty() && estimate.size() == truth.size(),
      "features of {} discriminators cannot be compared with those of {}",
      estimate.size(),
      truth.size());
  torch::Tensor sum;
  for (std::size_t i = 0; i < estimate.size(); ++i) {
    torch::Tensor layers;
    for (std::size_t k = 0; k < estimate[i].size(); ++k) {
      const auto one = torch::l1_loss(estimate[i][k], truth[i].at(k));
      layers = layers.defined() ? layers + one : one;
    }
    layers = layers / static_cast<double>(estimate[i].size());
    sum = sum.defined() ? sum + layers : layers;
  }
  return sum / static_cast<double>(estimate.size());
}

GradientBalancer::GradientBalancer(Weights weights, double decay)
    : weights_(std::move(weights)), decay_(decay) {
  const auto size = static_cast<std::int64_t>(weights_.size());
  sums_ = register_buffer("sums", torch::zeros({size}, torch::kFloat64));
  counts_ = register_buffer("counts", torch::zeros({size}, torch::kFloat64));
}

torch::Tensor GradientBalancer::forward(const Losses& losses, const torch::Tensor& output) {
  std::vector<std::size_t> places;
  double weights = 0;
  for (const auto& [name, loss] : losses) {
    const auto at = std::ranges::find(weights_, name, &Weights::value_type::first);
    MMI_CHECK(
        ConfigError, at != weights_.end(), "the loss \"{}\" has no weight to balance it by", name);
    places.push_back(static_cast<std::size_t>(at - weights_.begin()));
    weights += at->second;
  }
  const auto items = static_cast<double>(output.size(0));
  torch::Tensor gradient = torch::zeros_like(output);
  double value = 0;
  for (std::size_t i = 0; i < losses.size(); ++i) {
    const auto& loss = losses[i].second;
    // Several losses share the discriminator's graph.
    const auto own = torch::autograd::grad({loss}, {output}, {}, /*retain_graph=*/true)[0];
    const double norm = own.flatten(1).norm(2, {1}).mean().item<double>();
    const auto place = static_cast<std::int64_t>(places[i]);
    const auto sum = sums_[place].mul_(decay_).add_(items * norm);
    const auto count = counts_[place].mul_(decay_).add_(items);
    const double mean = sum.item<double>() / count.item<double>();
    const double scale = weights_[places[i]].second / weights / (kEpsilon + mean);
    gradient.add_(own, scale);
    value += scale * loss.item<double>();
  }
  const auto carrier = (output * gradient).sum();
  return carrier + (value - carrier).detach();
}

}  // namespace mmi::models::codec
