#include "mmi/models/audeo/video2roll.h"

#include "mmi/base/errors.h"
#include "mmi/encoders/resnet.h"

namespace mmi::models::audeo {
namespace {

torch::nn::Conv2d conv(
    std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t pad, bool bias) {
  return torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, kernel).padding(pad).bias(bias));
}

}  // namespace

const config::Schema& Video2RollConfig::schema() {
  using C = Video2RollConfig;
  static const config::Schema made =
      config::Table<C>("video2roll", "Video2RollNet of Audeo: five keyboard crops to key logits")
          .field("in_frames", &C::in_frames, "grey frames per example", config::at_least(1))
          .field("classes", &C::classes, "keys of the output range", config::at_least(1))
          .field("width", &C::width, "channel multiplier of the ResNet stages", config::above(0))
          .field(
              "pyramid_width",
              &C::pyramid_width,
              "channel multiplier of the pyramid above them (0: the same)",
              config::at_least(0))
          .field("frb", &C::frb, "feature refinement blocks (off: ablation)")
          .field("correlation", &C::correlation, "softmax gate (off: the pyramid maps are added)");
  return made;
}

FeatureTransform::FeatureTransform(
    std::int64_t in_channels,
    std::int64_t out_channels,
    std::int64_t pool_kernel,
    std::int64_t pool_stride)
    : pool_kernel_(pool_kernel), pool_stride_(pool_stride) {
  conv0 = register_module("conv0", conv(in_channels, out_channels, 1, 1, false));
  conv1 = register_module("conv1", conv(out_channels, out_channels, 3, 1, false));
  bn1 = register_module("bn1", torch::nn::BatchNorm2d(out_channels));
  conv2 = register_module("conv2", conv(out_channels, out_channels, 3, 1, false));
}

torch::Tensor FeatureTransform::forward(const torch::Tensor& input) {
  const torch::Tensor residual = conv0(input);
  const torch::Tensor refined = conv2(bn1(conv1(residual)).relu_());
  return torch::avg_pool2d(refined + residual, pool_kernel_, pool_stride_);
}

FeatureRefinement::FeatureRefinement(std::int64_t low_channels, std::int64_t high_channels) {
  fc1 = register_module("fc1", torch::nn::Linear(low_channels + high_channels, low_channels));
  fc2 = register_module("fc2", torch::nn::Linear(low_channels, low_channels));
}

torch::Tensor FeatureRefinement::forward(const torch::Tensor& low, const torch::Tensor& high) {
  const torch::Tensor pooled = torch::cat({low.mean({2, 3}), high.mean({2, 3})}, 1);
  const torch::Tensor gate = torch::sigmoid(fc2(fc1(pooled).relu_()));
  return low * gate.unsqueeze(-1).unsqueeze(-1);
}

Video2RollNet::Video2RollNet(const Video2RollConfig& config) : config_(config) {
  MMI_CHECK(
      ConfigError,
      config.in_frames > 0 && config.classes > 0 && config.width > 0,
      "in_frames, classes and width must be > 0, but are {}, {} and {} instead",
      config.in_frames,
      config.classes,
      config.width);
  register_parts();
  encoders::init_he_fan_out(*this);
}

// The order is that of the published state dict.
void Video2RollNet::register_parts() {
  const auto stage = encoders::ResNet18::stage_channels(config_.width);
  const double pyramid = config_.pyramid_width > 0 ? config_.pyramid_width : config_.width;
  const std::int64_t map = encoders::scaled_channels(128, pyramid);
  const std::int64_t top = encoders::scaled_channels(64, pyramid);
  const auto transform = [this, map](const char* name, std::int64_t in, int kernel, int stride) {
    return register_module(name, std::make_shared<FeatureTransform>(in, map, kernel, stride));
  };
  const auto refinement = [this, map](const char* name, std::int64_t high) {
    return config_.frb ? register_module(name, std::make_shared<FeatureRefinement>(map, high))
                       : nullptr;
  };
  conv1 = register_module(
      "conv1",
      torch::nn::Conv2d(torch::nn::Conv2dOptions(config_.in_frames, stage[0], 11)
                            .stride(2)
                            .padding(4)
                            .bias(false)));
  bn1 = register_module("bn1", torch::nn::BatchNorm2d(stage[0]));
  layer1 = register_module("layer1", encoders::basic_stage(stage[0], stage[0], 1));
  layer2 = register_module("layer2", encoders::basic_stage(stage[0], stage[1], 2));
  ftb2_1 = transform("FTB2_1", stage[1], 2, 2);
  ftb2_2 = transform("FTB2_2", map, 2, 2);
  frb2 = refinement("FRB2", map);
  layer3 = register_module("layer3", encoders::basic_stage(stage[1], stage[2], 2));
  ftb3 = transform("FTB3", stage[2], 2, 2);
  frb3 = refinement("FRB3", map);
  layer4 = register_module("layer4", encoders::basic_stage(stage[2], stage[3], 2));
  ftb4 = transform("FTB4", stage[3], 3, 1);
  frb4 = refinement("FRB4", top);
  if (config_.frb) {
    toplayer = register_module("toplayer", conv(stage[3], top, 1, 0, true));
    toplayer_bn = register_module("toplayer_bn", torch::nn::BatchNorm2d(top));
  }
  if (config_.correlation) {
    conv2 = register_module("conv2", conv(map, map, 1, 0, true));
  }
  fc = register_module("fc", torch::nn::Linear(map, config_.classes));
}

torch::Tensor Video2RollNet::forward(const torch::Tensor& frames) {
  return activations(frames).logits;
}

Video2RollActivations Video2RollNet::activations(const torch::Tensor& frames) {
  MMI_CHECK(
      ShapeError,
      frames.dim() == 4 && frames.size(1) == config_.in_frames,
      "frames must be (B, {}, H, W), but are {} instead",
      config_.in_frames,
      frames.sizes().vec());
  check_input_size(frames.size(2), frames.size(3));

  Video2RollActivations a;
  const torch::Tensor stem = torch::max_pool2d(bn1(conv1(frames)).relu_(), 3, 2, 1);
  a.layer1 = layer1->forward(stem);
  a.layer2 = layer2->forward(a.layer1);
  a.layer3 = layer3->forward(a.layer2);
  a.layer4 = layer4->forward(a.layer3);

  a.p4 = ftb4->forward(a.layer4);
  a.p3 = ftb3->forward(a.layer3);
  a.p2 = ftb2_2->forward(ftb2_1->forward(a.layer2));
  if (config_.frb) {
    a.toplayer_relu = toplayer_bn(toplayer(a.layer4)).relu_();
    a.p4 = frb4->forward(a.p4, a.toplayer_relu);
    a.p3 = frb3->forward(a.p3, a.p4);
    a.p2 = frb2->forward(a.p2, a.p3);
  }

  torch::Tensor out;
  if (config_.correlation) {
    const torch::Tensor weights = (a.p2 * a.p3).flatten(2).softmax(-1).view_as(a.p4);
    a.softmax_times_p4 = a.p4 * weights;
    out = conv2(a.softmax_times_p4) + a.p4;
  } else {
    out = a.p2 + a.p3 + a.p4;
  }
  a.before_fc = out.mean({2, 3});
  a.logits = fc(a.before_fc);
  return a;
}

void Video2RollNet::check_input_size(std::int64_t height, std::int64_t width) {
  const auto fits = [](std::int64_t size) { return size % 32 >= 3 && size % 32 <= 10; };
  MMI_CHECK(
      ConfigError,
      fits(height) && fits(width),
      "Video2RollNet needs a height and a width whose remainder mod 32 is in 3..10 (such as 100 x "
      "900, 68 x 452 or 36 x 452), but the frames are {} x {} with remainders {} and {}: choose "
      "another size for the frames",
      height,
      width,
      height % 32,
      width % 32);
}

}  // namespace mmi::models::audeo
