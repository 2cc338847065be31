#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/nn/decoding/sampling.h"

namespace mmi::nn::decoding {

/// Share of the positions that stay masked at progress r = t / S.
///   cosine       cos(pi r / 2)            (MaskGIT, CVPR 2022)
///   cosine_half  (1 + cos(pi r)) / 2
///   linear       1 - r
///   square       1 - r^2
enum class MaskSchedule { kCosine, kCosineHalf, kLinear, kSquare };

/// Which positions are generated together.
///   joint      all K T positions of a sample in one pool
///   levelwise  level after level, coarse to fine; finer levels are MASK meanwhile
///   c2f        levels below `coarse_levels` are given, the others one pool
///   inpaint    the caller's mask, one pool
enum class MaskMode { kJoint, kLevelwise, kCoarseToFine, kInpaint };

/// Iterative parallel decoding (Chang et al., "MaskGIT", CVPR 2022; over codec tokens: Garcia et
/// al., "VampNet", 2023; Ziv et al., "MAGNeT", 2024).
struct MMI_API MaskedDecodingConfig {
  MaskMode mode = MaskMode::kJoint;
  std::int64_t steps = 16;  ///< S
  /// Levelwise: S of each level; empty: `steps` for the first, 1 for each other (SoundStorm).
  std::vector<std::int64_t> level_steps;
  std::int64_t coarse_levels = 0;  ///< of c2f
  /// Frames of one level that are masked and committed together, by the confidence of the surest of
  /// them; N counts such spans (MAGNeT: 3). Spans begin at multiples of their length.
  std::int64_t span = 1;
  MaskSchedule schedule = MaskSchedule::kCosine;
  double guidance = 1;                      ///< w; 1: the conditional network alone
  std::optional<double> guidance_final;     ///< w falls from `guidance` to this with the mask ratio
  double noise = 10.5;                      ///< alpha_0 of the confidence; 0: none
  std::optional<double> temperature_final;  ///< reached linearly at the last step
  SamplingConfig sampling;

  static const config::Schema& schema();
};

/// gamma(r) for r in [0, 1].
MMI_API double masked_share(MaskSchedule schedule, double r);

/// How many of N positions stay masked after each of S steps: floor(gamma(t / S) N), at most one
/// fewer than before and at least 1, 0 at the end. With fewer positions than steps the list ends at
/// its first 0.
MMI_API std::vector<std::int64_t> masked_counts(
    MaskSchedule schedule, std::int64_t steps, std::int64_t positions);

/// Tokens (B',K,T) int64, MASK = V where nothing stands yet, and the number of the pass ->
/// logits (B',K,T,V) float. B' is B, or 2 B under guidance: first the conditional, then the
/// unconditional half.
using TokenNetwork = std::function<torch::Tensor(const torch::Tensor& tokens, std::int64_t pass)>;

struct MMI_API MaskedDecoding {
  torch::Tensor tokens;     ///< (B,K,T) int64 in [0, V)
  std::int64_t passes = 0;  ///< calls of the network
};

/// Generates the positions of `masked` (B,K,T) bool in `tokens` (B,K,T) int64; all others stay as
/// they are. joint and levelwise take an undefined `masked` for "all", c2f for "all fine levels".
/// `seeds`: one a sample; a sample's tokens depend on its seed, not on its batch.
/// A step draws a token at every masked position, then masks again those of least confidence
/// log p + alpha_0 (1 - t / S) G, G ~ Gumbel(0, 1); ties go to the earlier position, i = t K + k.
/// Throws ShapeError, ConfigError or (logits without a finite number) NumericError.
MMI_API MaskedDecoding decode_masked(
    const TokenNetwork& network,
    const torch::Tensor& tokens,
    const torch::Tensor& masked,
    std::int64_t entries,
    const std::vector<std::uint64_t>& seeds,
    const MaskedDecodingConfig& config);

}  // namespace mmi::nn::decoding

template <>
struct mmi::config::EnumNames<mmi::nn::decoding::MaskSchedule> {
  using E = mmi::nn::decoding::MaskSchedule;
  static constexpr std::array<std::pair<const char*, E>, 4> names{{
      {"cosine", E::kCosine},
      {"cosine_half", E::kCosineHalf},
      {"linear", E::kLinear},
      {"square", E::kSquare},
  }};
};

template <>
struct mmi::config::EnumNames<mmi::nn::decoding::MaskMode> {
  using E = mmi::nn::decoding::MaskMode;
  static constexpr std::array<std::pair<const char*, E>, 4> names{{
      {"joint", E::kJoint},
      {"levelwise", E::kLevelwise},
      {"c2f", E::kCoarseToFine},
      {"inpaint", E::kInpaint},
  }};
};
