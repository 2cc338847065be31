#include "mmi/encoders/resnet.h"

#include <algorithm>
#include <cmath>

#include "mmi/base/errors.h"

namespace mmi::encoders {
namespace {

torch::nn::Conv2d conv(
    std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride, std::int64_t pad) {
  return torch::nn::Conv2d(
      torch::nn::Conv2dOptions(in, out, kernel).stride(stride).padding(pad).bias(false));
}

}  // namespace

const config::Schema& ResNetConfig::schema() {
  static const config::Schema made =
      config::Table<ResNetConfig>("resnet18", "ResNet18 in torchvision's layout")
          .field("in_channels", &ResNetConfig::in_channels, "image channels", config::at_least(1))
          .field("stem_kernel", &ResNetConfig::stem_kernel, "first kernel", config::at_least(1))
          .field("stem_stride", &ResNetConfig::stem_stride, "first stride", config::at_least(1))
          .field("stem_padding", &ResNetConfig::stem_padding, "first pad", config::at_least(0))
          .field("classes", &ResNetConfig::classes, "outputs; 0: features", config::at_least(0))
          .field("width", &ResNetConfig::width, "channel multiplier", config::above(0));
  return made;
}

std::int64_t scaled_channels(std::int64_t channels, double width) {
  return std::max<std::int64_t>(1, std::llround(static_cast<double>(channels) * width));
}

void init_he_fan_out(torch::nn::Module& module) {
  torch::NoGradGuard no_grad;
  for (const auto& child : module.modules(/*include_self=*/false)) {
    if (auto* layer = child->as<torch::nn::Conv2d>()) {
      const torch::Tensor& weight = layer->weight;
      const auto fan_out = static_cast<double>(weight.size(0) * weight.size(2) * weight.size(3));
      torch::nn::init::normal_(weight, 0.0, std::sqrt(2.0 / fan_out));
    } else if (auto* norm = child->as<torch::nn::BatchNorm2d>()) {
      torch::nn::init::ones_(norm->weight);
      torch::nn::init::zeros_(norm->bias);
    }
  }
}

BasicBlock::BasicBlock(std::int64_t in_channels, std::int64_t out_channels, std::int64_t stride) {
  conv1 = register_module("conv1", conv(in_channels, out_channels, 3, stride, 1));
  bn1 = register_module("bn1", torch::nn::BatchNorm2d(out_channels));
  conv2 = register_module("conv2", conv(out_channels, out_channels, 3, 1, 1));
  bn2 = register_module("bn2", torch::nn::BatchNorm2d(out_channels));
  if (stride != 1 || in_channels != out_channels) {
    downsample = register_module(
        "downsample",
        torch::nn::Sequential(
            conv(in_channels, out_channels, 1, stride, 0), torch::nn::BatchNorm2d(out_channels)));
  }
}

torch::Tensor BasicBlock::forward(const torch::Tensor& input) {
  torch::Tensor out = bn1(conv1(input)).relu_();
  out = bn2(conv2(out));
  out += downsample ? downsample->forward(input) : input;
  return out.relu_();
}

torch::nn::Sequential basic_stage(
    std::int64_t in_channels, std::int64_t out_channels, std::int64_t stride) {
  return torch::nn::Sequential(
      std::make_shared<BasicBlock>(in_channels, out_channels, stride),
      std::make_shared<BasicBlock>(out_channels, out_channels, 1));
}

ResNet18::ResNet18(const ResNetConfig& config) : config_(config) {
  MMI_CHECK(
      ConfigError,
      config.in_channels > 0 && config.classes >= 0 && config.width > 0,
      "in_channels must be > 0, classes >= 0 and width > 0, but are {}, {} and {} instead",
      config.in_channels,
      config.classes,
      config.width);
  const auto channels = stage_channels(config.width);
  conv1 = register_module(
      "conv1",
      conv(
          config.in_channels,
          channels[0],
          config.stem_kernel,
          config.stem_stride,
          config.stem_padding));
  bn1 = register_module("bn1", torch::nn::BatchNorm2d(channels[0]));
  layer1 = register_module("layer1", basic_stage(channels[0], channels[0], 1));
  layer2 = register_module("layer2", basic_stage(channels[0], channels[1], 2));
  layer3 = register_module("layer3", basic_stage(channels[1], channels[2], 2));
  layer4 = register_module("layer4", basic_stage(channels[2], channels[3], 2));
  if (config.classes > 0) {
    fc = register_module("fc", torch::nn::Linear(channels[3], config.classes));
  }
  init_he_fan_out(*this);
}

torch::Tensor ResNet18::forward(const torch::Tensor& input) {
  const torch::Tensor pooled = stages(input)[3].mean({2, 3});
  return fc ? fc(pooled) : pooled;
}

std::array<torch::Tensor, 4> ResNet18::stages(const torch::Tensor& input) {
  MMI_CHECK(
      ShapeError,
      input.dim() == 4 && input.size(1) == config_.in_channels,
      "images must be (B, {}, H, W), but are {} instead",
      config_.in_channels,
      input.sizes().vec());
  std::array<torch::Tensor, 4> out;
  const torch::Tensor stem = torch::max_pool2d(bn1(conv1(input)).relu_(), 3, 2, 1);
  out[0] = layer1->forward(stem);
  out[1] = layer2->forward(out[0]);
  out[2] = layer3->forward(out[1]);
  out[3] = layer4->forward(out[2]);
  return out;
}

std::array<std::int64_t, 4> ResNet18::stage_channels(double width) {
  return {
      scaled_channels(64, width),
      scaled_channels(128, width),
      scaled_channels(256, width),
      scaled_channels(512, width)};
}

std::int64_t ResNet18::feature_size() const {
  return stage_channels(config_.width)[3];
}

}  // namespace mmi::encoders
