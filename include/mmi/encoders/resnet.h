#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include <array>
#include <cstdint>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/nn/unary_module.h"

namespace mmi::encoders {

/// round(channels * width), at least 1: what a width multiplier makes of a published layer size.
MMI_API std::int64_t scaled_channels(std::int64_t channels, double width);

/// Conv weights ~ N(0, 2 / (kh kw c_out)) (He, fan-out), norms 1 and 0; linear layers keep
/// LibTorch's default. This is torchvision's ResNet initialisation. Draws from the torch generator.
MMI_API void init_he_fan_out(torch::nn::Module& module);

/// Two 3x3 convolutions around a shortcut (He et al., CVPR 2016), keys as in torchvision: conv1,
/// bn1, conv2, bn2 and, where the shape changes, downsample.{0,1}.
/// (B, in, H, W) -> (B, out, ceil(H / stride), ceil(W / stride)).
class MMI_API BasicBlock : public nn::UnaryModule {
 public:
  BasicBlock(std::int64_t in_channels, std::int64_t out_channels, std::int64_t stride);

  torch::Tensor forward(const torch::Tensor& input) override;

 private:
  torch::nn::Conv2d conv1{nullptr};
  torch::nn::BatchNorm2d bn1{nullptr};
  torch::nn::Conv2d conv2{nullptr};
  torch::nn::BatchNorm2d bn2{nullptr};
  torch::nn::Sequential downsample{nullptr};
};

/// One stage of ResNet18: two blocks, the first with `stride`; keys 0 and 1.
MMI_API torch::nn::Sequential basic_stage(
    std::int64_t in_channels, std::int64_t out_channels, std::int64_t stride);

/// First convolution and size of a ResNet18; the defaults are torchvision's for RGB images.
struct MMI_API ResNetConfig {
  std::int64_t in_channels = 3;
  std::int64_t stem_kernel = 7;
  std::int64_t stem_stride = 2;
  std::int64_t stem_padding = 3;
  std::int64_t classes = 0;  ///< outputs of `fc`; 0: no `fc`, features instead
  double width = 1;          ///< channel multiplier of every layer

  static const config::Schema& schema();
};

/// ResNet18 in torchvision's layout and key names (conv1, bn1, layer{1..4}.{0,1}, fc).
/// `forward`: (B, in_channels, H, W) float -> logits (B, classes), or pooled features
/// (B, feature_size()) when classes is 0. Feature maps: /4, /8, /16, /32 of the input with a stem
/// of stride 2. Works in either memory format.
class MMI_API ResNet18 : public nn::UnaryModule {
 public:
  explicit ResNet18(const ResNetConfig& config);

  torch::Tensor forward(const torch::Tensor& input) override;

  /// Outputs of layer1..layer4: (B, 64 w, H/4, W/4) ... (B, 512 w, H/32, W/32).
  std::array<torch::Tensor, 4> stages(const torch::Tensor& input);

  /// Channels of layer1..layer4.
  static std::array<std::int64_t, 4> stage_channels(double width);

  /// Channels of layer4.
  std::int64_t feature_size() const;

 protected:
  ResNetConfig config_;
  torch::nn::Conv2d conv1{nullptr};
  torch::nn::BatchNorm2d bn1{nullptr};
  torch::nn::Sequential layer1{nullptr}, layer2{nullptr}, layer3{nullptr}, layer4{nullptr};
  torch::nn::Linear fc{nullptr};
};

}  // namespace mmi::encoders
