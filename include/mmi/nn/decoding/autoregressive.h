#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/nn/decoding/patterns.h"
#include "mmi/nn/decoding/sampling.h"

namespace mmi::nn::decoding {

/// Generation token by token (or column by column of a codebook pattern). K = 1 with the parallel
/// pattern is a language model; its prompt stands behind a start column of the special id V, which
/// `start_column: false` leaves out.
struct MMI_API AutoregressiveConfig {
  PatternKind pattern = PatternKind::kDelay;
  double guidance = 1;  ///< classifier-free (Ho & Salimans, 2022); 1: none
  SamplingConfig sampling;

  static const config::Schema& schema();
};

/// The columns that are new since the last call, (B',K,n) int64, special id V where there is no
/// code -> logits of the column after them, (B',K,V) float. The network remembers what it saw, in a
/// KvCache. B' is B, or 2 B under guidance: first the conditional, then the unconditional half.
using ColumnNetwork = std::function<torch::Tensor(const torch::Tensor& columns)>;

struct MMI_API AutoregressiveRequest {
  std::int64_t entries = 0;  ///< V
  std::int64_t frames = 0;   ///< T, those of the prompt included
  torch::Tensor prompt;      ///< (B,K,T0) int64 in [0, V), T0 <= T
  /// K = 1: so many columns at the start of each sample's prompt are padding, V, of which the
  /// network must know; its draws don't depend on them. Empty: none.
  std::vector<std::int64_t> padding;
  std::vector<std::uint64_t> seeds;    ///< one a sample
  bool start_column = true;            ///< false needs a prompt of at least one frame
  std::vector<std::int64_t> stop_ids;  ///< K = 1: a sample that draws one of them is done
  std::int64_t pad_id = 0;             ///< what stands behind a stop id
  /// Called with every new complete frame t and its codes (B,K); false ends the generation after
  /// it.
  std::function<bool(std::int64_t t, const torch::Tensor& codes)> on_frame;
};

struct MMI_API AutoregressiveDecoding {
  torch::Tensor codes;                ///< (B,K,T') int64; T' < T when stopped early
  std::vector<std::int64_t> lengths;  ///< of each sample, stop id included
  std::int64_t passes = 0;            ///< calls of the network
};

/// Continues the prompt to `frames` frames. A sample's codes depend on its seed and prompt, not on
/// its batch. A repetition penalty looks at the ids that the same codebook has had, the prompt's
/// included. Throws ShapeError, ConfigError or NumericError.
MMI_API AutoregressiveDecoding decode_autoregressive(
    const ColumnNetwork& network,
    const AutoregressiveRequest& request,
    const AutoregressiveConfig& config);

}  // namespace mmi::nn::decoding
