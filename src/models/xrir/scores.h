#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <string>

#include "mmi/base/api.h"
#include "mmi/models/xrir/rir_rooms.h"
#include "mmi/task/task.h"

namespace mmi::models::xrir {

struct ScoreOptions {
  std::int64_t references = 8;
  std::int64_t draws = 5;
};

/// spectrum_loss plus `decay_weight` times decay_loss of log spectrograms (...,63,T) against
/// responses (...,N), with "spectrum" and "decay_db" as its parts.
MMI_API Loss
response_loss(const torch::Tensor& predicted, const torch::Tensor& responses, double decay_weight);

/// Responses (S, M) predicted for all sources of one of the sets from the chosen ones (S,K); `seed`
/// is a function of set and draw. Called by several threads at once.
using Predictor = std::function<torch::Tensor(
    const ReceiverSets& sets,
    const ReceiverSet& set,
    const torch::Tensor& chosen,
    std::uint64_t seed)>;

/// Mean errors of each receiver, or of each unknown source where some are known: edt_s, c50_db,
/// t60_percent and `scored`, the share of targets for which all three exist. "test" also scores the
/// split "seen", under names with "seen_". Choices of references are a function of set, source and
/// draw, the same for every predictor.
Task::ItemMetrics score_rooms(
    RirRooms& rooms,
    const std::string& split,
    const ScoreOptions& options,
    const Predictor& predict);

}  // namespace mmi::models::xrir
