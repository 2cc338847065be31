#include "mmi/nn/layers.h"

#include <torch/torch.h>

#include <cmath>

#include "mmi/nn/init_context.h"

namespace mmi::nn {
namespace {

/// Half-precision weights in the activations' type; float32 ones stay, which autocast sees to.
torch::Tensor fitting(const torch::Tensor& weight, const torch::Tensor& x) {
  return weight.scalar_type() == torch::kFloat ? weight : weight.to(x.scalar_type());
}

}  // namespace

Linear::Linear(std::int64_t in, std::int64_t out, bool with_bias) {
  const auto options = InitContext::tensors();
  weight = register_parameter("weight", torch::empty({out, in}, options));
  if (InitContext::current().draw) {
    const torch::NoGradGuard no_grad;
    const double bound = 1 / std::sqrt(static_cast<double>(in));
    weight.uniform_(-bound, bound);
  }
  if (with_bias) {
    bias = register_parameter("bias", torch::zeros({out}, options));
  }
}

torch::Tensor Linear::forward(const torch::Tensor& x) {
  return bias.defined() ? at::linear(x, fitting(weight, x), fitting(bias, x))
                        : at::linear(x, fitting(weight, x));
}

Embedding::Embedding(std::int64_t rows, std::int64_t dim) {
  weight = register_parameter("weight", torch::empty({rows, dim}, InitContext::tensors()));
  if (InitContext::current().draw) {
    const torch::NoGradGuard no_grad;
    weight.normal_();
  }
}

torch::Tensor Embedding::forward(const torch::Tensor& indices) {
  const auto rows = at::embedding(weight, indices);
  return rows.is_cpu() ? rows.to(torch::kFloat) : rows;
}

LayerNorm::LayerNorm(std::int64_t dim, double eps) : eps_(eps) {
  weight = register_parameter("weight", torch::ones({dim}, InitContext::tensors()));
  bias = register_parameter("bias", torch::zeros({dim}, InitContext::tensors()));
}

torch::Tensor LayerNorm::forward(const torch::Tensor& x) {
  return at::layer_norm(x, weight.sizes(), fitting(weight, x), fitting(bias, x), eps_);
}

RmsNorm::RmsNorm(std::int64_t dim, double eps, bool plus_one) : eps_(eps), plus_one_(plus_one) {
  const auto options = InitContext::tensors();
  weight = register_parameter(
      "weight", plus_one ? torch::zeros({dim}, options) : torch::ones({dim}, options));
}

torch::Tensor RmsNorm::forward(const torch::Tensor& x) {
  const auto wide = x.to(torch::kFloat);
  const auto scaled = wide * at::rsqrt(wide.square().mean(-1, /*keepdim=*/true) + eps_);
  return plus_one_ ? (scaled * (weight.to(torch::kFloat) + 1)).to(x.scalar_type())
                   : fitting(weight, x) * scaled.to(x.scalar_type());
}

}  // namespace mmi::nn
