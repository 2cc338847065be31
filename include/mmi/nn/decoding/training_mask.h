#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <optional>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/base/rng.h"
#include "mmi/nn/decoding/masked.h"

namespace mmi::nn::decoding {

/// Law of the mask ratio r in training.
///   truncated_normal  N(mean, sd^2) within [low, high] (Li et al., "MAGE", CVPR 2023)
///   uniform           within [low, high]
///   arccos            cos(pi u / 2), u uniform in [0, 1) (MaskGIT): mean 2 / pi
enum class MaskLaw { kTruncatedNormal, kUniform, kArccos };

/// Whether r is drawn for every sample or once for the batch.
enum class MaskScope { kSample, kBatch };

struct MMI_API TrainingMaskConfig {
  MaskLaw law = MaskLaw::kTruncatedNormal;
  double mean = 0.75;  ///< of the normal before it is truncated
  double sd = 0.25;
  double low = 0.5;
  double high = 1;
  std::optional<double> final_mean;  ///< truncated_normal: reached linearly at progress 1
  MaskScope scope = MaskScope::kSample;
  std::int64_t span = 1;  ///< frames of a level that are masked together (MAGNeT: 3)

  static const config::Schema& schema();
};

/// `count` ratios float64 in [0, 1], by inversion of the law's distribution function; `progress` in
/// [0, 1] is the share of the training that is done.
MMI_API torch::Tensor draw_mask_ratios(
    const TrainingMaskConfig& config, std::int64_t count, Rng& rng, double progress = 0);

struct MMI_API TrainingMask {
  torch::Tensor masked;  ///< (B,K,T) bool: MASK in the input
  torch::Tensor scored;  ///< (B,K,T) bool: counts in the loss; a subset of masked, never empty in a
                         ///< sample
};

/// Masks each entry (span of frames) with probability r, and at least one of a sample. joint (and
/// inpaint): any entry. levelwise: entries of one level drawn for each sample, all finer levels
/// masked but not scored. c2f: entries of levels from `coarse_levels` on. Sample b draws from
/// stream b of `rng`.
MMI_API TrainingMask draw_training_mask(
    std::int64_t batch,
    std::int64_t codebooks,
    std::int64_t frames,
    const TrainingMaskConfig& config,
    const Rng& rng,
    double progress = 0,
    MaskMode mode = MaskMode::kJoint,
    std::int64_t coarse_levels = 0);

struct MMI_API TokenLoss {
  torch::Tensor loss;     ///< scalar: mean over the scored entries, with label smoothing
  torch::Tensor entropy;  ///< (K) mean cross entropy of each codebook without smoothing, detached
  torch::Tensor
      accuracy;  ///< (K) share of entries whose greatest logit is right; NaN without entry
};

/// Cross entropy of logits (B,K,T,V) float with targets (B,K,T) int64 in [0, V), over the entries
/// of `scored` (B,K,T) bool alone: other logits get no gradient, other targets may be anything.
/// label_smoothing in [0, 1): share of the target that is spread evenly over all V tokens.
MMI_API TokenLoss token_cross_entropy(
    const torch::Tensor& logits,
    const torch::Tensor& targets,
    const torch::Tensor& scored,
    double label_smoothing = 0);

}  // namespace mmi::nn::decoding

template <>
struct mmi::config::EnumNames<mmi::nn::decoding::MaskLaw> {
  using E = mmi::nn::decoding::MaskLaw;
  static constexpr std::array<std::pair<const char*, E>, 3> names{{
      {"truncated_normal", E::kTruncatedNormal},
      {"uniform", E::kUniform},
      {"arccos", E::kArccos},
  }};
};

template <>
struct mmi::config::EnumNames<mmi::nn::decoding::MaskScope> {
  using E = mmi::nn::decoding::MaskScope;
  static constexpr std::array<std::pair<const char*, E>, 2> names{
      {{"sample", E::kSample}, {"batch", E::kBatch}}};
};
