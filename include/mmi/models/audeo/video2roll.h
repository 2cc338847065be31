#pragma once

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include <cstdint>
#include <memory>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/nn/unary_module.h"

namespace mmi::models::audeo {

struct MMI_API Video2RollConfig {
  std::int64_t in_frames = 5;  ///< grey frames stacked as channels
  std::int64_t classes = 51;   ///< keys of the output range
  double width = 1;            ///< channel multiplier of the ResNet stages
  /// Of the pyramid above them; 0: as `width`. A thin ResNet with the published 128 maps keeps more
  /// outputs than keys: 32 maps cannot tell 51 keys apart.
  double pyramid_width = 0;
  bool frb = true;          ///< feature refinement; off: branches pass unrefined
  bool correlation = true;  ///< softmax gate; off: the three pyramid maps are added

  static const config::Schema& schema();
};

/// Feature transform block of Video2RollNet (conv0, conv1, bn1, conv2). The 1x1 `conv0` is padded
/// by 1 as published, so the map grows by 2 before it is pooled.
/// (B, in, H, W) -> (B, out, pooled(H + 2), pooled(W + 2)).
class MMI_API FeatureTransform : public nn::UnaryModule {
 public:
  FeatureTransform(
      std::int64_t in_channels,
      std::int64_t out_channels,
      std::int64_t pool_kernel,
      std::int64_t pool_stride);

  torch::Tensor forward(const torch::Tensor& input) override;

 private:
  std::int64_t pool_kernel_;
  std::int64_t pool_stride_;
  torch::nn::Conv2d conv0{nullptr}, conv1{nullptr};
  torch::nn::BatchNorm2d bn1{nullptr};
  torch::nn::Conv2d conv2{nullptr};
};

/// Feature refinement block (fc1, fc2): scales the channels of `low` by a gate in (0, 1) computed
/// from the global averages of both maps. low (B, C, H, W), high (B, C2, H, W) -> (B, C, H, W).
class MMI_API FeatureRefinement : public torch::nn::Module {
 public:
  FeatureRefinement(std::int64_t low_channels, std::int64_t high_channels);

  torch::Tensor forward(const torch::Tensor& low, const torch::Tensor& high);

 private:
  torch::nn::Linear fc1{nullptr}, fc2{nullptr};
};

/// Every map worth looking at; h, w are ceil(H / 32), ceil(W / 32), c is 128 times the width.
/// Maps of switched-off parts are undefined.
struct Video2RollActivations {
  torch::Tensor layer1, layer2, layer3, layer4;  ///< ResNet stages
  torch::Tensor toplayer_relu;                   ///< (B, c / 2, h, w)
  torch::Tensor p4, p3, p2;                      ///< refined pyramid, (B, c, h, w)
  torch::Tensor softmax_times_p4;                ///< (B, c, h, w)
  torch::Tensor before_fc;                       ///< (B, c)
  torch::Tensor logits;                          ///< (B, classes)
};

/// Video2RollNet (Audeo, NeurIPS 2020, section 3.1 of the thesis; official key names): five grey
/// keyboard crops centred on frame t -> logits of the keys that sound at t.
/// (B, in_frames, H, W) float in [0, 1] -> (B, classes). Published size 100 x 900.
/// 12,713,651 parameters at width 1 and 51 classes. Works in either memory format.
///   Video2RollNet net({}); auto roll = net.forward(frames).sigmoid() >= 0.4;
class MMI_API Video2RollNet : public nn::UnaryModule {
 public:
  explicit Video2RollNet(const Video2RollConfig& config);

  /// Throws ConfigError unless height and width fit the pyramid (see check_input_size).
  torch::Tensor forward(const torch::Tensor& frames) override;

  Video2RollActivations activations(const torch::Tensor& frames);

  /// The three branches meet at one size only when height mod 32 and width mod 32 are in 3..10.
  /// Throws ConfigError naming the rule otherwise.
  static void check_input_size(std::int64_t height, std::int64_t width);

  const Video2RollConfig& config() const {
    return config_;
  }

 private:
  void register_parts();

  Video2RollConfig config_;
  torch::nn::Conv2d conv1{nullptr};
  torch::nn::BatchNorm2d bn1{nullptr};
  torch::nn::Sequential layer1{nullptr}, layer2{nullptr}, layer3{nullptr}, layer4{nullptr};
  std::shared_ptr<FeatureTransform> ftb2_1, ftb2_2, ftb3, ftb4;
  std::shared_ptr<FeatureRefinement> frb2, frb3, frb4;
  torch::nn::Conv2d toplayer{nullptr};
  torch::nn::BatchNorm2d toplayer_bn{nullptr};
  torch::nn::Conv2d conv2{nullptr};
  torch::nn::Linear fc{nullptr};
};

}  // namespace mmi::models::audeo
