#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <memory>

#include "mmi/heads/token_head.h"
#include "mmi/nn/init_context.h"
#include "mmi/nn/layers.h"
#include "mmi/nn/unary_module.h"

/// What the transformers of this room are made of. Weights are drawn by their owner.
namespace mmi::heads {

using nn::Embedding;
using nn::LayerNorm;
using nn::Linear;

/// Two linear layers without bias around an exact GELU. Keys ff.0.0.weight and ff.2.weight.
class FeedForward : public nn::UnaryModule {
 public:
  FeedForward(std::int64_t dim, std::int64_t hidden, double dropout);

  torch::Tensor forward(const torch::Tensor& x) override;

  std::shared_ptr<Linear> in;
  std::shared_ptr<Linear> out;

 private:
  double dropout_;
};

/// N(0, sd^2) cut at three sd, drawn from torch's generator; nothing on the meta device.
void init_truncated_normal(const torch::Tensor& weight, double sd);

/// The same with sd 1 / sqrt(fan-in) for the weight of a linear layer, divided by `divisor`.
void init_linear(Linear& layer, double divisor = 1);

/// Fixed positions (..., dim) float32 of integer `positions` (...): first half sines, second half
/// cosines, angle = position / 10000^(j / (dim / 2)).
torch::Tensor sincos_positions(const torch::Tensor& positions, std::int64_t dim);

/// -slope_h |i - j| (1,H,N,N) float32 with slopes 2^(-8 h / H), h = 1 ... H (Press et al., ICLR
/// 2022, symmetric).
torch::Tensor symmetric_alibi(std::int64_t heads, std::int64_t length, torch::Device device);

/// True for samples whose condition is dropped in training, each with `probability`: (B) bool.
torch::Tensor draw_dropped(std::int64_t batch, double probability, const Rng& rng);

/// Throws ShapeError unless features are (B,S,C) and the mask fits.
void check_condition(
    const TokenCondition& condition, std::int64_t batch, std::int64_t condition_features);

/// Throws ShapeError unless codes are (B,K,T) int64.
void check_codes(const torch::Tensor& codes, std::int64_t codebooks);

/// Conditional half, then the same again: for guidance.
TokenCondition doubled(const TokenCondition& condition);

}  // namespace mmi::heads
