#include "lm/rope.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace mmi::lm {
namespace {

/// Wavelengths much shorter than the first context stay, much longer ones are stretched, with a
/// ramp between (Llama Team, "The Llama 3 Herd of Models", 2024; transformers:
/// _compute_llama3_parameters).
torch::Tensor llama3(const RopeConfig& c, const torch::Tensor& frequency, double original) {
  const double longest = original / c.low_freq_factor;
  const double shortest = original / c.high_freq_factor;
  const auto wavelength = 2 * std::numbers::pi / frequency;
  const auto share =
      (original / wavelength - c.low_freq_factor) / (c.high_freq_factor - c.low_freq_factor);
  const auto ramp = (1 - share) * frequency / c.factor + share * frequency;
  return torch::where(
      wavelength.gt(longest),
      frequency / c.factor,
      torch::where(wavelength.lt(shortest), frequency, ramp));
}

/// Dimension that turns `rotations` times within the first context.
double yarn_dimension(const RopeConfig& c, double rotations, double dim, double original) {
  return dim * std::log(original / (rotations * 2 * std::numbers::pi)) / (2 * std::log(c.theta));
}

/// Peng et al., "YaRN", ICLR 2024 (transformers: _compute_yarn_parameters).
torch::Tensor yarn(
    const RopeConfig& c, const torch::Tensor& frequency, std::int64_t dim, double original) {
  const auto width = static_cast<double>(dim);
  double low = yarn_dimension(c, c.beta_fast, width, original);
  double high = yarn_dimension(c, c.beta_slow, width, original);
  if (c.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, width - 1);
  if (low == high) {
    high += 0.001;
  }
  const auto stretched = ((torch::arange(dim / 2, torch::kFloat) - low) / (high - low)).clamp(0, 1);
  return frequency / c.factor * stretched + frequency * (1 - stretched);
}

torch::Tensor frequencies(const RopeConfig& c, std::int64_t dim, std::int64_t context) {
  const auto share = torch::arange(0, dim, 2, torch::kFloat) / static_cast<double>(dim);
  const auto plain = 1.0 / torch::pow(c.theta, share);
  const auto original = static_cast<double>(c.original_context > 0 ? c.original_context : context);
  switch (c.kind) {
    case RopeKind::kLinear:
      return plain / c.factor;
    case RopeKind::kLlama3:
      return llama3(c, plain, original);
    case RopeKind::kYarn:
      return yarn(c, plain, dim, original);
    case RopeKind::kDefault:
    case RopeKind::kDynamic:
      break;
  }
  return plain;
}

double attention_factor(const RopeConfig& c) {
  if (c.kind != RopeKind::kYarn) {
    return 1;
  }
  if (c.attention_factor > 0) {
    return c.attention_factor;
  }
  return c.factor <= 1 ? 1 : 0.1 * std::log(c.factor) + 1;
}

}  // namespace

RopeTable::RopeTable(const RopeConfig& config, std::int64_t head_dim, std::int64_t context)
    : config_(config), head_dim_(head_dim), context_(context) {}

RopeTable::Rows RopeTable::rows(std::int64_t positions, torch::Device device) {
  const std::scoped_lock lock(mutex_);
  const std::int64_t have = rows_.cos.defined() ? rows_.cos.size(0) : 0;
  if (have >= positions && rows_.cos.device() == device) {
    return rows_;
  }
  const torch::NoGradGuard no_grad;
  const std::int64_t wanted =
      std::max({positions, have, std::min(context_, std::max<std::int64_t>(512, 2 * positions))});
  const auto angle =
      torch::outer(torch::arange(wanted, torch::kFloat), frequencies(config_, head_dim_, context_));
  const double factor = attention_factor(config_);
  rows_ = {(angle.cos() * factor).to(device), (angle.sin() * factor).to(device)};
  return rows_;
}

}  // namespace mmi::lm
