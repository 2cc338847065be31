#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/registry.h"
#include "mmi/lm/config.h"
#include "mmi/nn/decoding/kv_cache.h"
#include "mmi/nn/layers.h"

namespace mmi::lm {

/// A decoder-only transformer: LLaMA 1 to 3, Vicuna, Mistral, Gemma 1 to 3, Qwen 2 to 3, by flags.
/// Keys are those of transformers' files: model.embed_tokens, model.layers.{i}.self_attn.q_proj …,
/// model.norm and, unless tied, lm_head. Made as the InitContext says; drawn weights come from
/// N(0,0.02^2). Of a sequence that grows, what is already there stays in a KvCache:
///   auto cache = model.make_cache(1, 100);
///   auto logits = model.forward(prompt, {.cache = &cache, .last_only = true});   // (1,1,V)
///   logits = model.forward(next, {.cache = &cache});                             // next: (1,1)
/// Calls without a cache may run at the same time.
class MMI_API CausalLm : public torch::nn::Module {
 public:
  static constexpr const char* kRegistryKind = "lm";

  struct BuildArgs {};

  /// What a pass may be told.
  struct Pass {
    nn::decoding::KvCache* cache = nullptr;  ///< what was before; takes what is new
    /// (B,n) bool, true where there is no padding, of the first pass of a sequence; undefined:
    /// everywhere. Positions count real columns only. What comes out at padding means nothing.
    torch::Tensor real = {};
    bool last_only = false;  ///< logits of the last position only
  };

  explicit CausalLm(const CausalLmConfig& config);
  ~CausalLm() override;

  const CausalLmConfig& config() const {
    return config_;
  }

  /// Ids (B,n) int64, or embeddings (B,n,hidden) in their place, taken as they are: what `embed`
  /// gives is already scaled -> logits (B,n,V) float32 of the token behind each. ConfigError beyond
  /// the context; ShapeError for another shape.
  torch::Tensor forward(const torch::Tensor& input, const Pass& pass);
  torch::Tensor forward(const torch::Tensor& input);

  /// (B,n) -> (B,n,hidden), times sqrt(hidden) rounded to the weights' type where Gemma wants it.
  /// transformers before version 5 scaled `inputs_embeds` of Gemma 1 and 2, too: whoever trained
  /// with it multiplies embeddings of other origin by `embedding_scale`.
  torch::Tensor embed(const torch::Tensor& ids);

  /// 1, unless Gemma.
  double embedding_scale() const;

  /// The layers that activations are multiplied with, and their names: the linear ones and, where
  /// it is the output layer too, the embedding.
  std::vector<std::pair<std::string, std::shared_ptr<nn::MatrixLayer>>> products() const;

  /// For so many columns; of activations' type, on the weights' device.
  nn::decoding::KvCache make_cache(std::int64_t batch, std::int64_t columns) const;

 private:
  struct Block;
  struct Scene;
  struct Tables;

  CausalLmConfig config_;
  std::shared_ptr<nn::Embedding> embed_tokens_;
  std::vector<std::shared_ptr<Block>> blocks_;
  std::shared_ptr<nn::RmsNorm> norm_;
  std::shared_ptr<nn::Linear> lm_head_;  // null when tied
  std::unique_ptr<Tables> tables_;
};

/// Fills the registry "lm": every published size, and "causal_lm" of any size.
MMI_API void register_lms();

}  // namespace mmi::lm

MMI_DECLARE_REGISTRY(mmi::lm::CausalLm);
