#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>

#include "mmi/base/api.h"
#include "mmi/base/config.h"

namespace mmi::nn::decoding {

enum class PatternKind { kFlatten, kDelay, kParallel };

/// In which order an autoregressive network writes the K codebooks of T frames (Copet et al.,
/// "Simple and Controllable Music Generation", NeurIPS 2023, section 2.2). A sequence has one start
/// column and `steps(T)` columns after it; a column holds at most one frame of each codebook and
/// the special id V everywhere else, the start column V alone.
///   flatten   K T steps: one codebook a step, time outer, codebook inner
///   delay     T + K - 1 steps: codebook k runs k steps behind codebook 0
///   parallel  T steps: all codebooks of a frame at once
class MMI_API CodebookPattern {
 public:
  /// Throws ConfigError unless codebooks >= 1.
  CodebookPattern(PatternKind kind, std::int64_t codebooks);

  std::int64_t codebooks() const {
    return codebooks_;
  }

  /// Passes of a network that writes `frames` frames.
  std::int64_t steps(std::int64_t frames) const;

  /// Frame that codebook k has at column s (0 is the start), or -1.
  std::int64_t frame_at(std::int64_t s, std::int64_t k, std::int64_t frames) const;

  /// Column of codebook k of frame t.
  std::int64_t column_of(std::int64_t t, std::int64_t k) const;

  /// Frames that are complete once the columns before `column` are written.
  std::int64_t complete_frames(std::int64_t column) const;

  /// Codes (B,K,T) int64 -> sequence (B,K,1+steps(T)) with `special` where there is no code.
  torch::Tensor weave(const torch::Tensor& codes, std::int64_t special) const;

  /// The inverse: (B,K,1+steps(T)) -> (B,K,T), exactly.
  torch::Tensor unweave(const torch::Tensor& sequence, std::int64_t frames) const;

  /// (K,1+steps(T)) bool: where a sequence holds codes.
  torch::Tensor occupied(std::int64_t frames) const;

 private:
  torch::Tensor columns(std::int64_t frames) const;

  PatternKind kind_;
  std::int64_t codebooks_;
};

}  // namespace mmi::nn::decoding

template <>
struct mmi::config::EnumNames<mmi::nn::decoding::PatternKind> {
  static constexpr std::array<std::pair<const char*, mmi::nn::decoding::PatternKind>, 3> names{{
      {"flatten", mmi::nn::decoding::PatternKind::kFlatten},
      {"delay", mmi::nn::decoding::PatternKind::kDelay},
      {"parallel", mmi::nn::decoding::PatternKind::kParallel},
  }};
};
