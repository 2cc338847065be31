#include "transformer_parts.h"

#include <torch/torch.h>

#include <cmath>
#include <numbers>

#include "mmi/base/errors.h"

namespace mmi::heads {

FeedForward::FeedForward(std::int64_t dim, std::int64_t hidden, double dropout)
    : in(std::make_shared<Linear>(dim, hidden, false)),
      out(std::make_shared<Linear>(hidden, dim, false)),
      dropout_(dropout) {
  // The published layers keep GELU and dropout as layers between the two.
  auto first = std::make_shared<torch::nn::Module>("Projection");
  first->register_module("0", in);
  auto all = std::make_shared<torch::nn::Module>("Layers");
  all->register_module("0", first);
  all->register_module("2", out);
  register_module("ff", all);
}

torch::Tensor FeedForward::forward(const torch::Tensor& x) {
  const auto hidden = at::gelu(in->forward(x));
  return out->forward(at::dropout(hidden, dropout_, is_training()));
}

void init_truncated_normal(const torch::Tensor& weight, double sd) {
  if (weight.is_meta()) {
    return;
  }
  const torch::NoGradGuard no_grad;
  // Inversion: uniform between the probabilities of -3 and 3.
  const double edge = std::erf(3 / std::numbers::sqrt2);
  torch::Tensor target = weight;
  target.uniform_(-edge, edge).erfinv_().mul_(sd * std::numbers::sqrt2).clamp_(-3 * sd, 3 * sd);
}

void init_linear(Linear& layer, double divisor) {
  const auto fan_in = static_cast<double>(layer.weight.size(1));
  init_truncated_normal(layer.weight, 1 / std::sqrt(fan_in) / divisor);
}

torch::Tensor sincos_positions(const torch::Tensor& positions, std::int64_t dim) {
  const std::int64_t half = dim / 2;
  const auto options = torch::TensorOptions().device(positions.device()).dtype(torch::kFloat);
  const auto share = torch::arange(half, options) / static_cast<double>(half);
  const auto frequency = 1.0 / torch::pow(10000.0, share.to(torch::kDouble)).to(torch::kFloat);
  const auto angle = positions.to(torch::kFloat).unsqueeze(-1) * frequency;
  return torch::cat({angle.sin(), angle.cos()}, -1);
}

torch::Tensor symmetric_alibi(std::int64_t heads, std::int64_t length, torch::Device device) {
  const auto options = torch::TensorOptions().device(device).dtype(torch::kFloat);
  const auto at = torch::arange(length, options);
  const auto distance = (at.unsqueeze(0) - at.unsqueeze(1)).abs();
  const auto slopes =
      torch::pow(2.0, torch::arange(1, heads + 1, options) * (-8.0 / static_cast<double>(heads)));
  return (-slopes.view({1, heads, 1, 1})) * distance;
}

torch::Tensor draw_dropped(std::int64_t batch, double probability, const Rng& rng) {
  torch::Tensor dropped = torch::empty({batch}, torch::kBool);
  for (std::int64_t b = 0; b < batch; ++b) {
    dropped.mutable_data_ptr<bool>()[b] =
        rng.stream("dropped condition", static_cast<std::uint64_t>(b)).chance(probability);
  }
  return dropped;
}

void check_condition(
    const TokenCondition& condition, std::int64_t batch, std::int64_t condition_features) {
  const auto& features = condition.features;
  MMI_CHECK(
      ShapeError,
      features.defined() && features.dim() == 3 && features.size(0) == batch &&
          features.size(2) == condition_features,
      "a condition must be ({},S,{}) float, but is {}",
      batch,
      condition_features,
      features.defined() ? features.sizes().vec() : std::vector<std::int64_t>());
  MMI_CHECK(
      ShapeError,
      !condition.mask.defined() || (condition.mask.scalar_type() == torch::kBool &&
                                    condition.mask.sizes() == features.sizes().slice(0, 2)),
      "the mask of a condition must be bool {}",
      features.sizes().slice(0, 2).vec());
}

void check_codes(const torch::Tensor& codes, std::int64_t codebooks) {
  MMI_CHECK(
      ShapeError,
      codes.dim() == 3 && codes.size(1) == codebooks && codes.scalar_type() == torch::kLong,
      "codes must be (B,{},T) int64, but are {}",
      codebooks,
      codes.sizes().vec());
}

TokenCondition doubled(const TokenCondition& condition) {
  return {
      condition.features.repeat({2, 1, 1}),
      condition.mask.defined() ? condition.mask.repeat({2, 1}) : torch::Tensor()};
}

}  // namespace mmi::heads
