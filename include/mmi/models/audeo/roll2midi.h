#pragma once

#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/types.h>

#include <array>
#include <cstdint>
#include <memory>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/nn/unary_module.h"

namespace mmi::models::audeo {

struct MMI_API Roll2MidiGeneratorConfig {
  double width = 1;      ///< channel multiplier of every layer
  double dropout = 0.5;  ///< of the inner blocks, in [0, 1)

  static const config::Schema& schema();
};

struct MMI_API Roll2MidiDiscriminatorConfig {
  double width = 1;  ///< channel multiplier of every layer

  static const config::Schema& schema();
};

/// Maps of the generator, each (B, C, K, T).
struct Roll2MidiActivations {
  std::array<torch::Tensor, 6> down;  ///< 64, 128, 256, 512, 1024, 1024 channels times the width
  std::array<torch::Tensor, 5> up;    ///< joined with their skip: 1536, 768, 384, 192, 80
  torch::Tensor before_sigmoid;       ///< (B, 1, K, T)
  torch::Tensor midi;                 ///< (B, 1, K, T) in (0, 1)
};

/// Generator of Roll2Midi (Audeo, section 3.2 of the thesis; official key names): a U-Net without
/// down-sampling, six blocks down and five up. Roll probabilities (B, 1, K, T) in [0, 1] -> refined
/// roll (B, 1, K, T) in (0, 1); K keys, T frames (published: 51 x 100, 4 s), any size works.
/// Batch-norm epsilon is 0.8 as in the published code. 25,103,665 parameters, 128 GMAC per sample.
/// Works in either memory format.
class MMI_API Roll2MidiGenerator : public nn::UnaryModule {
 public:
  explicit Roll2MidiGenerator(const Roll2MidiGeneratorConfig& config);

  torch::Tensor forward(const torch::Tensor& roll) override;

  Roll2MidiActivations activations(const torch::Tensor& roll);

  const Roll2MidiGeneratorConfig& config() const {
    return config_;
  }

 private:
  Roll2MidiGeneratorConfig config_;
  std::array<torch::nn::Sequential, 6> down{nullptr, nullptr, nullptr, nullptr, nullptr, nullptr};
  std::array<torch::nn::Sequential, 5> up{nullptr, nullptr, nullptr, nullptr, nullptr};
  torch::nn::Conv2d conv1d{nullptr};
};

/// Maps of the discriminator after blocks 1, 2, 3, 4 and the scores.
struct Roll2MidiPatchActivations {
  std::array<torch::Tensor, 4> block;
  torch::Tensor patch;
};

/// Patch discriminator of Roll2Midi (model.{0,2,5,8,11}): (B, 1, K, T) -> raw scores
/// (B, 1, ceil(K / 8), ceil(T / 8)), one per patch, no sigmoid. Make targets from the real output's
/// size (ones_like): the published k / 8 + 1 is wrong for multiples of 8. 1,554,433 parameters.
class MMI_API Roll2MidiDiscriminator : public nn::UnaryModule {
 public:
  explicit Roll2MidiDiscriminator(const Roll2MidiDiscriminatorConfig& config);

  torch::Tensor forward(const torch::Tensor& midi) override;

  Roll2MidiPatchActivations activations(const torch::Tensor& midi);

  const Roll2MidiDiscriminatorConfig& config() const {
    return config_;
  }

 private:
  Roll2MidiDiscriminatorConfig config_;
  torch::nn::Sequential model{nullptr};
};

}  // namespace mmi::models::audeo
