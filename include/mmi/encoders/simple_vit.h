#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>
#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/nn/unary_module.h"

namespace mmi::encoders {

struct MMI_API SimpleVitConfig {
  std::int64_t channels = 3;
  std::int64_t height = 256;
  std::int64_t width = 512;
  std::int64_t patch_height = 16;
  std::int64_t patch_width = 32;
  std::int64_t dim = 512;  ///< a multiple of 4
  std::int64_t depth = 6;
  std::int64_t heads = 8;
  std::int64_t head_dim = 64;
  std::int64_t mlp_dim = 512;

  std::int64_t tokens() const {
    return (height / patch_height) * (width / patch_width);
  }

  static const config::Schema& schema();
};

/// Fixed two-dimensional position table (h w, dim): quarters sin x, cos x, sin y, cos y with
/// frequencies 10000^(-k / (dim / 4 - 1)), float32.
MMI_API torch::Tensor sincos_positions_2d(
    std::int64_t height, std::int64_t width, std::int64_t dim);

/// Pre-norm multi-head attention without biases (keys norm, to_qkv, to_out). (B,N,D) -> (B,N,D).
class MMI_API VitAttention : public nn::UnaryModule {
 public:
  VitAttention(std::int64_t dim, std::int64_t heads, std::int64_t head_dim);

  torch::Tensor forward(const torch::Tensor& input) override;

 private:
  std::int64_t heads_;
  torch::nn::LayerNorm norm{nullptr};
  torch::nn::Linear to_qkv{nullptr}, to_out{nullptr};
};

/// Vision transformer without class token or dropout (Beyer, Zhai & Kolesnikov, "Better plain ViT
/// baselines for ImageNet-1k", 2022) as a map from pictures to tokens. Keys as in lucidrains'
/// vit-pytorch: to_patch_embedding.{1,2,3}, transformer.{norm,layers.<i>.{0,1}}.
/// (B, channels, height, width) float -> (B, tokens, dim), patches row by row.
class MMI_API SimpleVit : public nn::UnaryModule {
 public:
  /// Throws ConfigError unless patches divide the picture and dim is a multiple of 4.
  explicit SimpleVit(const SimpleVitConfig& config);

  torch::Tensor forward(const torch::Tensor& input) override;

  /// Patches as the transformer sees them, before the positions are added: (B, tokens, dim).
  torch::Tensor embed(const torch::Tensor& input);

  /// Output of the first attention, before it is added: for comparison with the published network.
  torch::Tensor first_attention(const torch::Tensor& input);

  const SimpleVitConfig& config() const {
    return config_;
  }

 private:
  struct Transformer;

  torch::Tensor patches(const torch::Tensor& input) const;
  torch::Tensor positions(const torch::Tensor& like) const;

  SimpleVitConfig config_;
  torch::nn::Sequential to_patch_embedding{nullptr};
  std::shared_ptr<Transformer> transformer;
  torch::Tensor positions_;
};

}  // namespace mmi::encoders
