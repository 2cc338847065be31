#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"

namespace mmi::models::codec {

/// The defaults are audiocraft's (config/solver/compression/default.yaml).
struct MMI_API DiscriminatorConfig {
  std::int64_t filters = 32;
  std::vector<std::int64_t> windows = {1024, 2048, 512, 256, 128};  ///< of the spectra; hop: ¼

  static const config::Schema& schema();
};

/// What a discriminator says of sounds.
struct Judgement {
  std::vector<torch::Tensor> logits;                 ///< of each window (B,1,T,F)
  std::vector<std::vector<torch::Tensor>> features;  ///< of its layers (B,filters,T,F)
};

/// Multi-scale STFT discriminator (Défossez et al. 2023, §3.4): for each window a stack of 2-D
/// convolutions over real and imaginary parts, kernels 3 (time) x 9 (frequency), three of them with
/// stride 2 over frequency and dilations 1, 2, 4 over time, LeakyReLU 0.3. Keys as in
/// encodec/msstftd.py without its windows: discriminators.<i>.convs.0.conv.{weight,bias},
/// discriminators.<i>.{convs.<1..4>,conv_post}.conv.{weight_g,weight_v,bias}.
class MMI_API Discriminator : public torch::nn::Module {
 public:
  explicit Discriminator(const DiscriminatorConfig& config);

  /// (B,1,L), L at least the longest window.
  Judgement forward(const torch::Tensor& wave);

 private:
  class Window;
  std::vector<std::shared_ptr<Window>> windows_;
};

}  // namespace mmi::models::codec
