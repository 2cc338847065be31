#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/dsp/stft.h"

namespace mmi::models::codec {

/// How far apart two sounds are in mel spectra of several resolutions: windows of 64 to 1024
/// samples, hop a quarter of it, 64 mels from 64 Hz, power over the window's energy. Of each
/// window half the mean absolute difference plus half the mean squared difference of log10(1e-5 +
/// power), summed. audiocraft: losses/specloss.py, MultiScaleMelSpectrogramLoss(normalized,
/// alphas=False), whose "range 6..11" leaves out the 11; divided by twice the number of windows.
class MMI_API MelLoss {
 public:
  explicit MelLoss(std::int64_t sample_rate_hz);

  /// (B,1,L) both, L >= 512 → scalar. Differentiable in `estimate`.
  torch::Tensor operator()(const torch::Tensor& estimate, const torch::Tensor& truth) const;

 private:
  struct Scale {
    dsp::StftConfig stft;
    torch::Tensor bank;  ///< over the window's energy
  };

  static torch::Tensor spectrum(const torch::Tensor& wave, const Scale& scale);

  std::vector<Scale> scales_;
};

/// Mean absolute difference of feature maps, averaged over the layers of a discriminator and then
/// over discriminators (audiocraft: adversarial/losses.py, FeatureMatchingLoss).
MMI_API torch::Tensor feature_loss(
    const std::vector<std::vector<torch::Tensor>>& estimate,
    const std::vector<std::vector<torch::Tensor>>& truth);

/// Adds the gradients of several losses in given proportions, however large the losses are
/// (Défossez et al. 2023, §3.4): each gradient with respect to what the decoder made is divided by
/// the running mean of its norm and multiplied by its share of the weights, so that the norms add
/// up to 1. The running means are buffers `sums` and `counts`, part of a checkpoint.
class MMI_API GradientBalancer : public torch::nn::Module {
 public:
  using Weights = std::vector<std::pair<std::string, double>>;
  using Losses = std::vector<std::pair<std::string, torch::Tensor>>;

  explicit GradientBalancer(Weights weights, double decay = 0.999);

  /// A scalar whose gradient with respect to `output` (B,…) is the balanced one, and whose value is
  /// the sum of the losses as they were scaled. A norm is of one item, their mean counts. Losses
  /// that are absent have no share. ConfigError for a loss that has no weight.
  torch::Tensor forward(const Losses& losses, const torch::Tensor& output);

 private:
  Weights weights_;
  double decay_;
  torch::Tensor sums_, counts_;
};

}  // namespace mmi::models::codec
