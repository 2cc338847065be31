#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/registry.h"
#include "mmi/base/rng.h"
#include "mmi/nn/decoding/training_mask.h"

namespace mmi::heads {

/// What tokens are generated from: a sequence of features, as of a video or a text.
struct MMI_API TokenCondition {
  torch::Tensor features;  ///< (B,S,C) float
  torch::Tensor mask;      ///< (B,S) bool, true where real; undefined: all
};

struct MMI_API TokenGeneration {
  torch::Tensor codes;      ///< (B,K,T) int64 in [0, V)
  std::int64_t passes = 0;  ///< passes of the network, each over a whole batch
};

/// The `token_head` slot: features of a condition -> codes (B,K,T) of a codec. Masked and
/// autoregressive heads fill it alike: `{name: masked_transformer, ...}`, `{name:
/// autoregressive_transformer, ...}`.
class MMI_API TokenHead : public torch::nn::Module {
 public:
  static constexpr const char* kRegistryKind = "token_head";

  struct BuildArgs {
    std::int64_t codebooks = 4;           ///< K
    std::int64_t entries = 1024;          ///< V
    std::int64_t condition_features = 1;  ///< C
    torch::Tensor codebook_rows;          ///< (K,V,E) of the codec, kept as they are; undefined:
                                          ///< learned
    torch::Device device = torch::kCPU;   ///< meta: sizes only, no memory and no values
  };

  /// Training loss of codes (B,K,T) int64 in [0, V). What is random in it (masks, dropped
  /// conditions) is a function of `rng`, dropout of torch's generator; `progress` in [0, 1] is the
  /// share of the training that is done.
  virtual nn::decoding::TokenLoss loss(
      const TokenCondition& condition,
      const torch::Tensor& codes,
      const Rng& rng,
      double progress = 0) = 0;

  /// Codes of `frames` frames, without gradients. `prompt` (B,K,T0): the first frames, left as they
  /// are. One seed a sample: its codes do not depend on the batch it is in, up to the rounding of
  /// the network. Call in eval mode.
  virtual TokenGeneration generate(
      const TokenCondition& condition,
      std::int64_t frames,
      const std::vector<std::uint64_t>& seeds,
      const torch::Tensor& prompt = {}) = 0;

  /// Teacher forcing: logits (B,K,T,V) float of codes (B,K,T), V standing for MASK. Autoregressive
  /// heads predict each code from those before it, and know no MASK.
  virtual torch::Tensor logits(const TokenCondition& condition, const torch::Tensor& codes) = 0;
};

/// Fills the token head registry.
MMI_API void register_token_heads();

}  // namespace mmi::heads

MMI_DECLARE_REGISTRY(mmi::heads::TokenHead);
