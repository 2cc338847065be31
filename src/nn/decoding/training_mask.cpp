#include "mmi/nn/decoding/training_mask.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "mmi/base/errors.h"

namespace mmi::nn::decoding {
namespace {

double normal_cdf(double z) {
  return 0.5 * std::erfc(-z / std::numbers::sqrt2);
}

/// Masks spans of the levels [first, last) of one sample (K,T), at least one of them.
void mask_levels(
    bool* set,
    std::int64_t first,
    std::int64_t last,
    std::int64_t frames,
    std::int64_t span,
    double ratio,
    Rng& rng) {
  const std::int64_t spans = (frames + span - 1) / span;  // of a level
  const auto mask = [&](std::int64_t i) {
    const std::int64_t begin = i % spans * span;
    bool* level = set + i / spans * frames;
    std::fill(level + begin, level + std::min(begin + span, frames), true);
  };
  bool any = false;
  for (std::int64_t i = first * spans; i < last * spans; ++i) {
    if (rng.chance(ratio)) {
      mask(i);
      any = true;
    }
  }
  if (!any) {
    mask(first * spans + rng.integer((last - first) * spans));
  }
}

}  // namespace

const config::Schema& TrainingMaskConfig::schema() {
  using C = TrainingMaskConfig;
  static const config::Schema made =
      config::Table<C>("training_mask", "share of tokens that is masked in training")
          .field("law", &C::law, "of the ratio")
          .field("mean", &C::mean, "of the normal before it is truncated")
          .field("sd", &C::sd, "of the normal before it is truncated", config::above(0))
          .field("low", &C::low, "least ratio", config::between(0, 1))
          .field("high", &C::high, "greatest ratio", config::between(0, 1))
          .field(
              "final_mean",
              &C::final_mean,
              "truncated_normal: mean at the end of the training; null: as mean")
          .field("scope", &C::scope, "a ratio for each sample, or one for the batch")
          .field("span", &C::span, "frames that are masked together", config::at_least(1))
          .check([](const C& c, config::Problems& problems) {
            if (c.low >= c.high) {
              problems.add(format("low must be below high, but is {} of {}", c.low, c.high));
            }
          });
  return made;
}

torch::Tensor draw_mask_ratios(
    const TrainingMaskConfig& config, std::int64_t count, Rng& rng, double progress) {
  torch::Tensor ratios = torch::empty({count}, torch::kDouble);
  auto* value = ratios.mutable_data_ptr<double>();
  for (std::int64_t i = 0; i < count; ++i) {
    value[i] = rng.uniform();
  }
  switch (config.law) {
    case MaskLaw::kUniform:
      return config.low + (config.high - config.low) * ratios;
    case MaskLaw::kArccos:
      return (ratios * (std::numbers::pi / 2)).cos();
    case MaskLaw::kTruncatedNormal: {
      const double mean =
          config.mean + progress * (config.final_mean.value_or(config.mean) - config.mean);
      const double low = normal_cdf((config.low - mean) / config.sd);
      const double high = normal_cdf((config.high - mean) / config.sd);
      const auto z = at::special_ndtri(low + (high - low) * ratios);
      return (mean + config.sd * z).clamp(config.low, config.high);
    }
  }
  MMI_ASSERT(false);
}

TrainingMask draw_training_mask(
    std::int64_t batch,
    std::int64_t codebooks,
    std::int64_t frames,
    const TrainingMaskConfig& config,
    const Rng& rng,
    double progress,
    MaskMode mode,
    std::int64_t coarse_levels) {
  MMI_CHECK(
      ShapeError,
      codebooks > 0 && frames > 0,
      "a mask needs codebooks and frames, but has {} and {}",
      codebooks,
      frames);
  const std::int64_t first = mode == MaskMode::kCoarseToFine ? coarse_levels : 0;
  MMI_CHECK(
      ConfigError,
      first >= 0 && first < codebooks,
      "coarse_levels must be below the number of codebooks {}, but is {}",
      codebooks,
      first);
  TrainingMask mask;
  mask.masked = torch::zeros({batch, codebooks, frames}, torch::kBool);
  mask.scored = torch::zeros({batch, codebooks, frames}, torch::kBool);
  auto* masked = mask.masked.mutable_data_ptr<bool>();
  auto* scored = mask.scored.mutable_data_ptr<bool>();
  Rng shared = rng.stream("mask ratio");
  const double common = draw_mask_ratios(config, 1, shared, progress).item<double>();
  const std::int64_t size = codebooks * frames;
  for (std::int64_t b = 0; b < batch; ++b) {
    Rng own = rng.stream("mask", static_cast<std::uint64_t>(b));
    const double drawn = draw_mask_ratios(config, 1, own, progress).item<double>();
    const double ratio = config.scope == MaskScope::kBatch ? common : drawn;
    std::int64_t begin = first;
    std::int64_t end = codebooks;
    if (mode == MaskMode::kLevelwise) {
      begin = own.integer(codebooks);
      end = begin + 1;
    }
    mask_levels(scored + b * size, begin, end, frames, config.span, ratio, own);
    std::copy(scored + b * size, scored + (b + 1) * size, masked + b * size);
    std::fill(masked + b * size + end * frames, masked + (b + 1) * size, true);
  }
  return mask;
}

TokenLoss token_cross_entropy(
    const torch::Tensor& logits,
    const torch::Tensor& targets,
    const torch::Tensor& scored,
    double label_smoothing) {
  MMI_CHECK(
      ShapeError,
      logits.dim() == 4 && targets.sizes() == logits.sizes().slice(0, 3) &&
          scored.sizes() == targets.sizes() && scored.scalar_type() == torch::kBool,
      "logits (B,K,T,V) need targets and a bool mask (B,K,T), but are {}, {} and {}",
      logits.sizes().vec(),
      targets.sizes().vec(),
      scored.sizes().vec());
  const std::int64_t codebooks = logits.size(1);
  // Rows of the scored entries and the codebook of each.
  const auto index = scored.reshape({-1}).nonzero().squeeze(1);
  MMI_CHECK(ShapeError, index.numel() > 0, "no token is scored");
  const auto rows = logits.reshape({-1, logits.size(3)}).index_select(0, index);
  const auto wanted = targets.reshape({-1}).index_select(0, index);
  const auto level = torch::div(index, logits.size(2), "floor").remainder(codebooks);
  const auto log_p = rows.to(torch::kFloat).log_softmax(1);
  const auto right = -log_p.gather(1, wanted.unsqueeze(1)).squeeze(1);
  TokenLoss result;
  result.loss = right.mean();
  if (label_smoothing > 0) {
    result.loss = (1 - label_smoothing) * result.loss - label_smoothing * log_p.mean();
  }
  const torch::NoGradGuard no_grad;
  const auto count =
      torch::zeros({codebooks}, right.options()).index_add_(0, level, torch::ones_like(right));
  const auto mean_of = [&](const torch::Tensor& values) {
    return torch::zeros({codebooks}, right.options()).index_add_(0, level, values) / count;
  };
  result.entropy = mean_of(right.detach());
  result.accuracy = mean_of(rows.argmax(1).eq(wanted).to(right.scalar_type()));
  return result;
}

}  // namespace mmi::nn::decoding
