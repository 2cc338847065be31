#include "mmi/models/codec/discriminator.h"

#include <torch/torch.h>

#include <array>
#include <string>

#include "mmi/base/errors.h"
#include "mmi/dsp/stft.h"

namespace mmi::models::codec {
namespace {

constexpr double kSlope = 0.3;
constexpr std::array<std::int64_t, 3> kDilations = {1, 2, 4};

struct Shape {
  std::int64_t in = 2;
  std::int64_t out = 32;
  std::int64_t frequencies = 9;  ///< of the kernel, beside 3 frames
  std::int64_t stride = 1;       ///< over frequency
  std::int64_t dilation = 1;     ///< over time
  bool normed = true;
};

/// Keys conv.weight or conv.{weight_g,weight_v}, and conv.bias.
class Conv : public torch::nn::Module {
 public:
  explicit Conv(const Shape& shape) : shape_(shape) {
    const torch::nn::Conv2d made(
        torch::nn::Conv2dOptions(shape.in, shape.out, {3, shape.frequencies}));
    const auto conv = register_module("conv", std::make_shared<torch::nn::Module>("conv"));
    const auto weight = made->weight.detach();
    if (shape.normed) {
      weight_g_ = conv->register_parameter("weight_g", weight.norm(2, {1, 2, 3}, true));
      weight_v_ = conv->register_parameter("weight_v", weight);
    } else {
      weight_ = conv->register_parameter("weight", weight);
    }
    bias_ = conv->register_parameter("bias", made->bias.detach());
  }

  torch::Tensor forward(const torch::Tensor& x) const {
    const std::array<std::int64_t, 2> stride = {1, shape_.stride};
    const std::array<std::int64_t, 2> padding = {shape_.dilation, shape_.frequencies / 2};
    const std::array<std::int64_t, 2> dilation = {shape_.dilation, 1};
    const auto weight = shape_.normed ? at::_weight_norm(weight_v_, weight_g_, 0) : weight_;
    return at::conv2d(x, weight, bias_, stride, padding, dilation);
  }

 private:
  Shape shape_;
  torch::Tensor weight_, weight_g_, weight_v_, bias_;
};

}  // namespace

const config::Schema& DiscriminatorConfig::schema() {
  using C = DiscriminatorConfig;
  static const config::Schema made =
      config::Table<C>("discriminator", "multi-scale STFT discriminator")
          .field("filters", &C::filters, "of its convolutions", config::at_least(1))
          .field("windows", &C::windows, "samples, of its spectra", config::at_least(16))
          .check([](const C& c, config::Problems& problems) {
            if (c.windows.empty()) {
              problems.add("windows must name at least one length");
            }
          });
  return made;
}

class Discriminator::Window : public torch::nn::Module {
 public:
  Window(std::int64_t samples, std::int64_t filters) {
    stft_.n_fft = samples;
    stft_.hop_samples = samples / 4;
    stft_.window = dsp::hann_window(samples);
    stft_.center = false;
    scale_ = 1 / stft_.window.norm().item<double>();
    // The first layer has no weight norm in the published code.
    std::vector<Shape> shapes = {{.in = 2, .out = filters, .normed = false}};
    for (const std::int64_t dilation : kDilations) {
      shapes.push_back({.in = filters, .out = filters, .stride = 2, .dilation = dilation});
    }
    shapes.push_back({.in = filters, .out = filters, .frequencies = 3});
    const auto list = register_module("convs", std::make_shared<torch::nn::Module>("convs"));
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      convs_.push_back(list->register_module(std::to_string(i), std::make_shared<Conv>(shapes[i])));
    }
    post_ = register_module(
        "conv_post", std::make_shared<Conv>(Shape{.in = filters, .out = 1, .frequencies = 3}));
  }

  void judge(const torch::Tensor& wave, Judgement& judgement) const {
    const auto spectrum = dsp::stft(wave, stft_).mul(scale_);  // (B,1,F,T)
    auto x = torch::cat({at::real(spectrum), at::imag(spectrum)}, 1).transpose(2, 3).contiguous();
    std::vector<torch::Tensor> features;
    for (const auto& conv : convs_) {
      x = at::leaky_relu(conv->forward(x), kSlope);
      features.push_back(x);
    }
    judgement.logits.push_back(post_->forward(x));
    judgement.features.push_back(std::move(features));
  }

 private:
  dsp::StftConfig stft_;
  double scale_ = 1;
  std::vector<std::shared_ptr<Conv>> convs_;
  std::shared_ptr<Conv> post_;
};

Discriminator::Discriminator(const DiscriminatorConfig& config) {
  const auto list =
      register_module("discriminators", std::make_shared<torch::nn::Module>("discriminators"));
  for (const std::int64_t samples : config.windows) {
    windows_.push_back(list->register_module(
        std::to_string(windows_.size()), std::make_shared<Window>(samples, config.filters)));
  }
}

Judgement Discriminator::forward(const torch::Tensor& wave) {
  Judgement judgement;
  for (const auto& window : windows_) {
    window->judge(wave, judgement);
  }
  return judgement;
}

}  // namespace mmi::models::codec
