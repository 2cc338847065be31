#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/rng.h"

namespace mmi::models::audeo {

/// Class-balanced frame sampler of Audeo's training (section 4 of the spec): one of K + 1 outcomes
/// (a key sounds, or all are silent) uniformly, then a frame that has it uniformly. Outcomes
/// without a frame are skipped. Safe for concurrent use with one Rng per thread.
///   BalancedSampler sampler(labels); std::int64_t frame = sampler.draw(rng);
class MMI_API BalancedSampler {
 public:
  /// labels (F, K), nonzero = sounding. `usable` (F) bool, optional: frames that may be drawn (the
  /// published code leaves out the first and last two of each video). Throws DataError when no
  /// frame is left.
  explicit BalancedSampler(const torch::Tensor& labels, const torch::Tensor& usable = {});

  /// A frame in [0, F).
  std::int64_t draw(Rng& rng) const;

  /// Outcomes that have a frame, at most K + 1.
  std::int64_t outcomes() const {
    return static_cast<std::int64_t>(frames_.size());
  }

 private:
  std::vector<std::vector<std::int64_t>> frames_;  // per outcome
};

}  // namespace mmi::models::audeo
