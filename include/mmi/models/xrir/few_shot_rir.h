#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/transformer.h>
#include <torch/types.h>

#include <cstdint>
#include <memory>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/encoders/resnet.h"
#include "mmi/models/xrir/xrir.h"

namespace mmi::models::xrir {

struct MMI_API FewShotRirConfig {
  std::int64_t dim = 1024;  ///< of tokens
  std::int64_t layers = 6;  ///< of the encoder, and of the decoder
  std::int64_t heads = 8;
  std::int64_t mlp_dim = 2048;
  double dropout = 0.1;
  double width = 1;           ///< channel multiplier of both ResNet18 and of the upsampler
  std::int64_t frames = 310;  ///< T
  double log_bias = 0;        ///< where the ln magnitudes begin

  std::int64_t height = 256;  ///< of the depth map; it is twice as wide

  std::int64_t map_height() const {
    return height;
  }

  std::int64_t map_width() const {
    return 2 * height;
  }

  static const config::Schema& schema();
};

/// positions (..., 3) relative to the receiver, metres -> (..., 40): x, y, z, distance and azimuth,
/// each under 8 functions: cos and sin alternately, of frequencies 1, 1e-1, 1e-2, 1e-3.
MMI_API torch::Tensor pose_code(const torch::Tensor& position);

/// Few-Shot RIR (Majumder et al., "Few-Shot Audio-Visual Learning of Environment Acoustics",
/// NeurIPS 2022) on xRIR's task, a baseline of Table 8.1: what is seen is a token, each reference
/// that is heard another; a transformer answers the pose of the target with the spectrogram itself
/// instead of weights for the references. As in thesis ch. 8 the view is a depth panorama at the
/// receiver and references are heard at the receiver, from poses relative to it.
class MMI_API FewShotRir : public torch::nn::Module {
 public:
  using Config = FewShotRirConfig;
  static constexpr const char* kName = "xrir/few_shot_rir";
  static constexpr const char* kTitle =
      "Few-Shot RIR: the response itself from depth and a few responses (baseline, thesis ch. 8)";

  explicit FewShotRir(const FewShotRirConfig& config);

  /// (R,S,63,T) ln magnitudes.
  torch::Tensor forward(const GroupedInputs& inputs);

 private:
  FewShotRirConfig config_;
  std::shared_ptr<encoders::ResNet18> visual;
  std::shared_ptr<encoders::ResNet18> audio;
  torch::Tensor modalities;  // (2,8): what is seen, what is heard
  torch::nn::Linear token{nullptr};
  torch::nn::Linear query{nullptr};
  torch::nn::Transformer transformer{nullptr};
  torch::nn::Linear to_grid{nullptr};
  torch::nn::Sequential upsample{nullptr};
};

}  // namespace mmi::models::xrir
