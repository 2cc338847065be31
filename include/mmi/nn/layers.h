#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>

#include "mmi/base/api.h"
#include "mmi/nn/unary_module.h"

/// Layers that are made as the InitContext says. On a CPU activations are float32 whatever the
/// type of the weights; elsewhere they have the weights' type.
namespace mmi::nn {

struct LoraAdapter;

/// A layer that is a matrix of weights (rows,columns) first of all.
class MMI_API MatrixLayer : public UnaryModule {
 public:
  /// Keeps the weight as int8 and its scales from now on, both buffers: a quarter of float32's
  /// memory, no training. On a CPU or meta only; nothing happens if they are so already.
  void quantize_int8();

  torch::Tensor weight;
  torch::Tensor weight_scale;  ///< of int8 weights; undefined: there are none

 protected:
  /// x times the weight's transpose.
  torch::Tensor product(const torch::Tensor& x, const torch::Tensor& bias) const;
};

/// Keys weight (out,in) and, if wanted, bias (out). (...,in) -> (...,out). Weights are drawn from
/// the uniform distribution over ±1 / sqrt(in); the bias begins with zeros. bfloat16 weights on a
/// CPU are multiplied as nn/kernels/weight_only.h says, unless they are trained.
class MMI_API Linear : public MatrixLayer {
 public:
  Linear(std::int64_t in, std::int64_t out, bool bias = false);

  torch::Tensor forward(const torch::Tensor& x) override;

  torch::Tensor bias;
  std::shared_ptr<LoraAdapter> adapter;  ///< adds to what comes out (nn/lora.h); null: nothing
};

/// Key weight (V,D), drawn from N(0,1). Indices (...) int64 -> (...,D).
class MMI_API Embedding : public MatrixLayer {
 public:
  Embedding(std::int64_t rows, std::int64_t dim);

  torch::Tensor forward(const torch::Tensor& indices) override;

  /// As an output layer: (...,D) -> (...,V).
  torch::Tensor scores(const torch::Tensor& x) const;
};

/// Keys weight and bias (D), over the last axis.
class MMI_API LayerNorm : public UnaryModule {
 public:
  explicit LayerNorm(std::int64_t dim, double eps = 1e-5);

  torch::Tensor forward(const torch::Tensor& x) override;

  torch::Tensor weight;
  torch::Tensor bias;

 private:
  double eps_;
};

/// x / sqrt(mean(x^2) + eps) over the last axis, statistics in float32 (Zhang & Sennrich, NeurIPS
/// 2019). Key weight (D). As LLaMA has it: rounded to x's type, then times weight, which begins
/// with ones; `plus_one`, as Gemma has it: times 1 + weight in float32, then rounded, weight
/// beginning with zeros.
class MMI_API RmsNorm : public UnaryModule {
 public:
  explicit RmsNorm(std::int64_t dim, double eps = 1e-6, bool plus_one = false);

  torch::Tensor forward(const torch::Tensor& x) override;

  torch::Tensor weight;

 private:
  double eps_;
  bool plus_one_;
};

}  // namespace mmi::nn
