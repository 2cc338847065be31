#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/lm/causal_lm.h"
#include "mmi/nn/decoding/sampling.h"

namespace mmi::lm {

/// What a text begins with.
struct Prompt {
  std::vector<std::int64_t> ids = {};
  torch::Tensor embeddings =
      {};  ///< (P,hidden) in front of the ids, as CausalLm::forward takes them
};

struct MMI_API GenerateRequest {
  std::vector<Prompt> prompts;  ///< of any lengths
  std::int64_t max_new_tokens = 256;
  nn::decoding::SamplingConfig sampling = greedy();
  std::vector<std::uint64_t> seeds = {};    ///< one a prompt; empty: 0, 1, 2 …
  std::vector<std::int64_t> stop_ids = {};  ///< end a text; CausalLmConfig::eos_ids, as a rule
  /// Called after each step with one new id a prompt, -1 for texts that have ended; false ends the
  /// generation.
  std::function<bool(const std::vector<std::int64_t>& ids)> on_token = {};

  static nn::decoding::SamplingConfig greedy();
};

struct Generation {
  std::vector<std::vector<std::int64_t>> ids;  ///< new ones of each prompt, the stop id included
  std::int64_t passes = 0;                     ///< calls of the network
};

/// Continues all prompts at once. What a text becomes depends on its prompt and its seed, not on
/// the batch it is in (up to rounding). Throws ConfigError for an empty prompt and for texts beyond
/// the context, NumericError for logits that are NaN.
MMI_API Generation generate(CausalLm& model, const GenerateRequest& request);

}  // namespace mmi::lm
