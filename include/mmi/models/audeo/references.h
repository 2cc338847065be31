#pragma once

#include <torch/types.h>

#include "mmi/base/api.h"
#include "mmi/base/rng.h"

/// What a model's scores are compared with: chance from below, rules and perfect vision from above.
namespace mmi::models::audeo {

/// Frames of `truth` (F,K) in random order: what knowing only the key statistics of a piece is
/// worth.
MMI_API torch::Tensor shuffled_frames(const torch::Tensor& truth, Rng& rng);

/// The hand-written repair of a visual roll (spec §8.5): a held key is cut when its sound has
/// decayed (r(p) = 9·2^((p-60)/18) dB/s, 10 dB), the release is extended by the mean tail of four
/// frames, and runs of one frame are dropped. `cut` false: without the first part, which needs to
/// know when a note began. roll (F,K) bool → (F,K) bool.
MMI_API torch::Tensor repair_rule(const torch::Tensor& roll, int low_pitch, bool cut = true);

}  // namespace mmi::models::audeo
