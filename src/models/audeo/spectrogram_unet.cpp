#include "mmi/models/audeo/spectrogram_unet.h"

#include <torch/nn/functional.h>

#include "mmi/base/errors.h"

namespace mmi::models::audeo {
namespace {

torch::nn::Sequential two_convolutions(std::int64_t in, std::int64_t out) {
  torch::nn::Sequential block;
  for (const std::int64_t from : {in, out}) {
    block->push_back(
        torch::nn::Conv2d(torch::nn::Conv2dOptions(from, out, 3).padding(1).bias(false)));
    block->push_back(torch::nn::BatchNorm2d(out));
    block->push_back(torch::nn::ReLU(torch::nn::ReLUOptions().inplace(true)));
  }
  return block;
}

}  // namespace

const config::Schema& SpectrogramUNetConfig::schema() {
  using C = SpectrogramUNetConfig;
  static const config::Schema made =
      config::Table<C>("spectrogram_unet", "U-Net that refines PerfNet's spectrogram")
          .field("base", &C::base, "channels of the first level", config::at_least(1))
          .field("depth", &C::depth, "number of poolings", config::between(1, 6));
  return made;
}

SpectrogramUNet::SpectrogramUNet(const SpectrogramUNetConfig& config) : config_(config) {
  std::int64_t in = 1;
  for (std::int64_t level = 0; level <= config.depth; ++level) {
    const std::int64_t out = config.base << level;
    down_.push_back(register_module("down" + std::to_string(level), two_convolutions(in, out)));
    in = out;
  }
  for (std::int64_t level = config.depth - 1; level >= 0; --level) {
    const std::int64_t out = config.base << level;
    up_.push_back(register_module(
        "up" + std::to_string(level),
        torch::nn::ConvTranspose2d(torch::nn::ConvTranspose2dOptions(2 * out, out, 2).stride(2))));
    merge_.push_back(
        register_module("merge" + std::to_string(level), two_convolutions(2 * out, out)));
  }
  out_ = register_module("out", torch::nn::Conv2d(torch::nn::Conv2dOptions(config.base, 1, 1)));
  // Untrained, it changes nothing.
  torch::nn::init::zeros_(out_->weight);
  torch::nn::init::zeros_(out_->bias);
}

torch::Tensor SpectrogramUNet::forward(const torch::Tensor& spectrogram) {
  MMI_CHECK(
      ShapeError,
      spectrogram.dim() == 4 && spectrogram.size(1) == 1,
      "the spectrogram must be (B, 1, F, T), but is {}",
      spectrogram.sizes().vec());
  const std::int64_t step = std::int64_t{1} << config_.depth;
  const auto missing = [&](int axis) { return (step - spectrogram.size(axis) % step) % step; };
  torch::Tensor x = torch::replication_pad2d(spectrogram, {0, missing(3), 0, missing(2)});
  std::vector<torch::Tensor> skips;
  for (std::size_t level = 0; level < down_.size(); ++level) {
    x = down_[level]->forward(level == 0 ? x : torch::max_pool2d(x, 2));
    skips.push_back(x);
  }
  for (std::size_t i = 0; i < up_.size(); ++i) {
    x = merge_[i]->forward(torch::cat({up_[i](x), skips[skips.size() - 2 - i]}, 1));
  }
  return spectrogram + out_(x).slice(2, 0, spectrogram.size(2)).slice(3, 0, spectrogram.size(3));
}

}  // namespace mmi::models::audeo
