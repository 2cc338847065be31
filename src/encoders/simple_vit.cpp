#include "mmi/encoders/simple_vit.h"

#include <torch/nn/modules/activation.h>

#include <cmath>

#include "mmi/base/errors.h"

namespace mmi::encoders {
namespace {

/// Leaves its input; stands for the rearrangement that the published code keeps as a layer, so that
/// the layers behind it have its numbers.
struct Nothing : torch::nn::Module {
  torch::Tensor forward(const torch::Tensor& x) {
    return x;
  }
};

/// Keys net.{0,1,3}.
struct FeedForward : nn::UnaryModule {
  torch::nn::Sequential net;

  FeedForward(std::int64_t dim, std::int64_t hidden)
      : net(register_module(
            "net",
            torch::nn::Sequential(
                torch::nn::LayerNorm(torch::nn::LayerNormOptions({dim})),
                torch::nn::Linear(dim, hidden),
                torch::nn::GELU(),
                torch::nn::Linear(hidden, dim)))) {}

  torch::Tensor forward(const torch::Tensor& x) override {
    return net->forward(x);
  }
};

}  // namespace

const config::Schema& SimpleVitConfig::schema() {
  using C = SimpleVitConfig;
  static const config::Schema made =
      config::Table<C>("simple_vit", "plain vision transformer")
          .field("channels", &C::channels, "of the picture", config::at_least(1))
          .field("height", &C::height, "of the picture in pixels", config::at_least(1))
          .field("width", &C::width, "of the picture in pixels", config::at_least(1))
          .field("patch_height", &C::patch_height, "of a token in pixels", config::at_least(1))
          .field("patch_width", &C::patch_width, "of a token in pixels", config::at_least(1))
          .field("dim", &C::dim, "of a token; a multiple of 4", config::at_least(8))
          .field("depth", &C::depth, "transformer layers", config::at_least(1))
          .field("heads", &C::heads, "of the attention", config::at_least(1))
          .field("head_dim", &C::head_dim, "of one head", config::at_least(1))
          .field("mlp_dim", &C::mlp_dim, "between the linear layers", config::at_least(1))
          .check([](const C& c, config::Problems& problems) {
            if (c.height % c.patch_height != 0 || c.width % c.patch_width != 0) {
              problems.add(format(
                  "patches of {} x {} do not divide a picture of {} x {}",
                  c.patch_height,
                  c.patch_width,
                  c.height,
                  c.width));
            }
            if (c.dim % 4 != 0) {
              problems.add(format("dim must be a multiple of 4, but is {}", c.dim));
            }
          });
  return made;
}

torch::Tensor sincos_positions_2d(std::int64_t height, std::int64_t width, std::int64_t dim) {
  const std::int64_t quarter = dim / 4;
  const auto rows = torch::arange(height).to(torch::kFloat32).view({-1, 1}).repeat({1, width});
  const auto columns = torch::arange(width).to(torch::kFloat32).view({1, -1}).repeat({height, 1});
  const auto share = torch::arange(quarter).to(torch::kFloat32) / static_cast<double>(quarter - 1);
  const auto frequency = 1.0 / torch::pow(10000.0, share);
  const auto x = columns.flatten().unsqueeze(1) * frequency;
  const auto y = rows.flatten().unsqueeze(1) * frequency;
  return torch::cat({x.sin(), x.cos(), y.sin(), y.cos()}, 1);
}

VitAttention::VitAttention(std::int64_t dim, std::int64_t heads, std::int64_t head_dim)
    : heads_(heads) {
  const std::int64_t inner = heads * head_dim;
  norm = register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({dim})));
  to_qkv = register_module(
      "to_qkv", torch::nn::Linear(torch::nn::LinearOptions(dim, 3 * inner).bias(false)));
  to_out = register_module(
      "to_out", torch::nn::Linear(torch::nn::LinearOptions(inner, dim).bias(false)));
}

torch::Tensor VitAttention::forward(const torch::Tensor& input) {
  const auto parts = to_qkv->forward(norm->forward(input)).chunk(3, -1);
  const auto split = [&](const torch::Tensor& t) {
    return t.view({t.size(0), t.size(1), heads_, -1}).transpose(1, 2);
  };
  const auto mixed =
      at::scaled_dot_product_attention(split(parts[0]), split(parts[1]), split(parts[2]));
  return to_out->forward(mixed.transpose(1, 2).flatten(2));
}

struct SimpleVit::Transformer : torch::nn::Module {
  torch::nn::LayerNorm norm;
  torch::nn::ModuleList layers;

  explicit Transformer(const SimpleVitConfig& config)
      : norm(register_module(
            "norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({config.dim})))),
        layers(register_module("layers", torch::nn::ModuleList())) {
    for (std::int64_t i = 0; i < config.depth; ++i) {
      torch::nn::ModuleList layer;
      layer->push_back(std::make_shared<VitAttention>(config.dim, config.heads, config.head_dim));
      layer->push_back(std::make_shared<FeedForward>(config.dim, config.mlp_dim));
      layers->push_back(layer);
    }
  }

  nn::UnaryModule& part(std::size_t layer, std::size_t which) const {
    const auto* list = layers->ptr(layer)->as<torch::nn::ModuleListImpl>();
    return *list->ptr(which)->as<nn::UnaryModule>();
  }

  torch::Tensor forward(torch::Tensor x) {
    for (std::size_t i = 0; i < layers->size(); ++i) {
      x = x + part(i, 0).forward(x);
      x = x + part(i, 1).forward(x);
    }
    return norm->forward(x);
  }
};

SimpleVit::SimpleVit(const SimpleVitConfig& config) : config_(config) {
  config::Problems problems;
  for (const auto& check : SimpleVitConfig::schema().checks) {
    check(&config_, problems);
  }
  problems.throw_if_any();
  const std::int64_t pixels = config.channels * config.patch_height * config.patch_width;
  to_patch_embedding = register_module(
      "to_patch_embedding",
      torch::nn::Sequential(
          Nothing(),
          torch::nn::LayerNorm(torch::nn::LayerNormOptions({pixels})),
          torch::nn::Linear(pixels, config.dim),
          torch::nn::LayerNorm(torch::nn::LayerNormOptions({config.dim}))));
  transformer = register_module("transformer", std::make_shared<Transformer>(config));
  positions_ = sincos_positions_2d(
      config.height / config.patch_height, config.width / config.patch_width, config.dim);
}

torch::Tensor SimpleVit::patches(const torch::Tensor& input) const {
  MMI_CHECK(
      ShapeError,
      input.dim() == 4 && input.size(1) == config_.channels && input.size(2) == config_.height &&
          input.size(3) == config_.width,
      "pictures must be of shape (B, {}, {}, {}), not {}",
      config_.channels,
      config_.height,
      config_.width,
      input.sizes().vec());
  const std::int64_t rows = config_.height / config_.patch_height;
  const std::int64_t columns = config_.width / config_.patch_width;
  return input
      .view({-1, config_.channels, rows, config_.patch_height, columns, config_.patch_width})
      .permute({0, 2, 4, 3, 5, 1})
      .reshape({input.size(0), rows * columns, -1});
}

torch::Tensor SimpleVit::positions(const torch::Tensor& like) const {
  return positions_.to(like.options());
}

torch::Tensor SimpleVit::embed(const torch::Tensor& input) {
  return to_patch_embedding->forward(patches(input));
}

torch::Tensor SimpleVit::forward(const torch::Tensor& input) {
  const auto tokens = embed(input);
  return transformer->forward(tokens + positions(tokens));
}

torch::Tensor SimpleVit::first_attention(const torch::Tensor& input) {
  const auto tokens = embed(input);
  return transformer->part(0, 0).forward(tokens + positions(tokens));
}

}  // namespace mmi::encoders
