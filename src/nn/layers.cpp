#include "mmi/nn/layers.h"

#include <ATen/autocast_mode.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "mmi/base/errors.h"
#include "mmi/nn/init_context.h"
#include "mmi/nn/kernels/weight_only.h"
#include "mmi/nn/lora.h"
#include "mmi/tensor/huge_pages.h"

namespace mmi::nn {
namespace {

/// Half-precision weights in the activations' type; float32 ones stay, which autocast sees to.
torch::Tensor fitting(const torch::Tensor& weight, const torch::Tensor& x) {
  return weight.scalar_type() == torch::kFloat ? weight : weight.to(x.scalar_type());
}

/// Sums side by side, which vectors can hold.
constexpr std::int64_t kLanes = 16;

/// sum of value(x[i]) over i < dim
template <class Value>
double lane_sum(const float* x, std::int64_t dim, const Value& value) {
  float sums[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= dim; i += kLanes) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane) {
      sums[lane] += value(x[i + lane]);
    }
  }
  double sum = 0;
  for (const float part : sums) {
    sum += part;
  }
  for (; i < dim; ++i) {
    sum += value(x[i]);
  }
  return sum;
}

/// RmsNorm in one pass, where no gradient is needed.
torch::Tensor rms_rows(
    const torch::Tensor& x, const torch::Tensor& weight, double eps, float offset) {
  const std::int64_t dim = x.size(-1);
  torch::Tensor y = torch::empty_like(x);
  const auto* const w = weight.const_data_ptr<float>();
  for (std::int64_t row = 0; row < x.numel() / dim; ++row) {
    const float* const in = x.const_data_ptr<float>() + row * dim;
    float* const out = y.mutable_data_ptr<float>() + row * dim;
    const double sum = lane_sum(in, dim, [](float v) { return v * v; });
    const auto scale = static_cast<float>(1 / std::sqrt(sum / static_cast<double>(dim) + eps));
    for (std::int64_t i = 0; i < dim; ++i) {
      out[i] = in[i] * scale * (w[i] + offset);
    }
  }
  return y;
}

/// LayerNorm of few rows, where no gradient is needed. torch wakes a thread for each row, which
/// then waits for more work on a core that the products of a step need.
torch::Tensor layer_norm_rows(
    const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias, double eps) {
  const std::int64_t dim = x.size(-1);
  const auto size = static_cast<double>(dim);
  torch::Tensor y = torch::empty_like(x);
  const auto* const w = weight.const_data_ptr<float>();
  const auto* const b = bias.const_data_ptr<float>();
  for (std::int64_t row = 0; row < x.numel() / dim; ++row) {
    const float* const in = x.const_data_ptr<float>() + row * dim;
    float* const out = y.mutable_data_ptr<float>() + row * dim;
    const auto mean = static_cast<float>(lane_sum(in, dim, [](float v) { return v; }) / size);
    const double sum = lane_sum(in, dim, [mean](float v) { return (v - mean) * (v - mean); });
    const auto scale = static_cast<float>(1 / std::sqrt(sum / size + eps));
    for (std::int64_t i = 0; i < dim; ++i) {
      out[i] = (in[i] - mean) * scale * w[i] + b[i];
    }
  }
  return y;
}

}  // namespace

Linear::Linear(std::int64_t in, std::int64_t out, bool with_bias) {
  const auto options = InitContext::tensors();
  weight = register_parameter("weight", in_huge_pages(torch::empty({out, in}, options)));
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
  const auto y = product(x, bias);
  return adapter == nullptr || adapter->merged ? y : y + adapter->forward(x, is_training());
}

torch::Tensor MatrixLayer::product(const torch::Tensor& x, const torch::Tensor& bias) const {
  if (weight_scale.defined()) {
    return linear_int8(x, weight, weight_scale, bias);
  }
  const bool trained = at::GradMode::is_enabled() && weight.requires_grad();
  if (weight.scalar_type() == torch::kBFloat16 && weight.is_cpu() && !trained &&
      x.scalar_type() == torch::kFloat) {
    return linear_bf16(x, weight, bias);
  }
  return linear_float(x, fitting(weight, x), bias.defined() ? fitting(bias, x) : bias);
}

void MatrixLayer::quantize_int8() {
  if (weight_scale.defined()) {
    return;
  }
  MMI_CHECK(
      ConfigError,
      weight.is_cpu() || weight.is_meta(),
      "int8 weights are for CPUs, but this layer is on {}",
      weight.device().str());
  auto packed = nn::quantize_int8(weight);
  parameters_.erase("weight");
  weight = register_buffer("weight", packed.values);
  weight_scale = register_buffer("weight_scale", packed.scales);
}

Embedding::Embedding(std::int64_t rows, std::int64_t dim) {
  weight = register_parameter(
      "weight", in_huge_pages(torch::empty({rows, dim}, InitContext::tensors())));
  if (InitContext::current().draw) {
    const torch::NoGradGuard no_grad;
    weight.normal_();
  }
}

torch::Tensor Embedding::forward(const torch::Tensor& indices) {
  if (weight_scale.defined()) {
    const auto flat = indices.flatten();
    const auto rows =
        dequantize_int8(weight.index_select(0, flat), weight_scale.index_select(0, flat));
    auto sizes = indices.sizes().vec();
    sizes.push_back(weight.size(1));
    return rows.view(sizes);
  }
  const auto rows = at::embedding(weight, indices);
  return rows.is_cpu() ? rows.to(torch::kFloat) : rows;
}

torch::Tensor Embedding::scores(const torch::Tensor& x) const {
  return product(x, {});
}

LayerNorm::LayerNorm(std::int64_t dim, double eps) : eps_(eps) {
  weight = register_parameter("weight", torch::ones({dim}, InitContext::tensors()));
  bias = register_parameter("bias", torch::zeros({dim}, InitContext::tensors()));
}

torch::Tensor LayerNorm::forward(const torch::Tensor& x) {
  const auto plain = [](const torch::Tensor& t) {
    return t.is_cpu() && t.scalar_type() == torch::kFloat;
  };
  const std::int64_t dim = weight.size(0);
  if (!at::GradMode::is_enabled() && plain(x) && plain(weight) && x.dim() >= 1 &&
      x.size(-1) == dim && x.numel() <= kFewRows * dim &&
      !at::autocast::is_autocast_enabled(at::kCPU)) {
    return layer_norm_rows(x.contiguous(), weight, bias, eps_);
  }
  return at::layer_norm(x, weight.sizes(), fitting(weight, x), fitting(bias, x), eps_);
}

RmsNorm::RmsNorm(std::int64_t dim, double eps, bool plus_one) : eps_(eps), plus_one_(plus_one) {
  const auto options = InitContext::tensors();
  weight = register_parameter(
      "weight", plus_one ? torch::zeros({dim}, options) : torch::ones({dim}, options));
}

torch::Tensor RmsNorm::forward(const torch::Tensor& x) {
  if (x.is_cpu() && x.scalar_type() == torch::kFloat && !at::GradMode::is_enabled()) {
    return rms_rows(x.contiguous(), weight.to(torch::kFloat), eps_, plus_one_ ? 1.0F : 0.0F);
  }
  const auto wide = x.to(torch::kFloat);
  const auto scaled = wide * at::rsqrt(wide.square().mean(-1, /*keepdim=*/true) + eps_);
  return plus_one_ ? (scaled * (weight.to(torch::kFloat) + 1)).to(x.scalar_type())
                   : fitting(weight, x) * scaled.to(x.scalar_type());
}

}  // namespace mmi::nn
