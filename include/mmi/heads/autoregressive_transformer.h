#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/heads/token_head.h"
#include "mmi/nn/decoding/autoregressive.h"
#include "mmi/nn/decoding/kv_cache.h"
#include "mmi/nn/layers.h"

namespace mmi::heads {

/// Defaults are the sizes of MusicGen's and AudioGen's small models and their decoding.
struct MMI_API AutoregressiveTransformerConfig {
  std::int64_t dim = 1024;  ///< a multiple of heads
  std::int64_t heads = 16;  ///< of dim / heads each
  std::int64_t layers = 24;
  std::int64_t mlp_ratio = 4;      ///< hidden units of the feed-forward part over dim
  double dropout = 0.1;            ///< of embeddings, attention and feed-forward parts
  double condition_dropout = 0.1;  ///< samples trained without the content of the condition
  double label_smoothing = 0;
  nn::decoding::AutoregressiveConfig decoding = musicgen_decoding();

  static nn::decoding::AutoregressiveConfig musicgen_decoding();
  static const config::Schema& schema();
};

/// Causal transformer over [condition; columns of a codebook pattern] (Kreuk et al., "AudioGen",
/// ICLR 2023; Copet et al., "MusicGen", NeurIPS 2023; with video features as prefix: Mei et al.,
/// "FoleyGen", 2023). A column is the sum of K embeddings with V + 1 rows each, the last one for
/// the special id; K linear layers predict the next column. Fixed sine-cosine positions count real
/// positions only: padding of the condition, wherever it stands, changes nothing. Pre-norm layers
/// without biases. Keys as in audiocraft's LMModel: emb, transformer.layers, out_norm, linears.
/// Codec rows are of no use to it: BuildArgs::codebook_rows is ignored.
class MMI_API AutoregressiveTransformer : public TokenHead {
 public:
  AutoregressiveTransformer(const AutoregressiveTransformerConfig& config, const BuildArgs& args);
  ~AutoregressiveTransformer() override;

  /// Mean cross entropy over all codes.
  nn::decoding::TokenLoss loss(
      const TokenCondition& condition,
      const torch::Tensor& codes,
      const Rng& rng,
      double progress = 0) override;

  TokenGeneration generate(
      const TokenCondition& condition,
      std::int64_t frames,
      const std::vector<std::uint64_t>& seeds,
      const torch::Tensor& prompt = {}) override;

  /// The same with every complete frame t and its codes (B,K) as soon as it is there; false ends
  /// the generation after it.
  TokenGeneration generate(
      const TokenCondition& condition,
      std::int64_t frames,
      const std::vector<std::uint64_t>& seeds,
      const torch::Tensor& prompt,
      const std::function<bool(std::int64_t t, const torch::Tensor& codes)>& on_frame);

  torch::Tensor logits(const TokenCondition& condition, const torch::Tensor& codes) override;

  /// Logits (B,K,n,V) of the columns after each of n columns (B,K,n), behind what the cache holds;
  /// an empty cache takes the condition first. `drop` leaves out its content.
  torch::Tensor step(
      const TokenCondition& condition,
      const torch::Tensor& columns,
      nn::decoding::KvCache& cache,
      const torch::Tensor& drop = {});

  /// A cache for `columns` columns behind a condition of S positions.
  nn::decoding::KvCache make_cache(
      std::int64_t batch, std::int64_t condition_length, std::int64_t columns) const;

 private:
  struct Layer;

  /// Hidden states (B,n,D) of the columns, with or without a cache; `places` (S,D) are the encoded
  /// positions that a cache can hold, or undefined.
  torch::Tensor run(
      const TokenCondition& condition,
      const torch::Tensor& columns,
      const torch::Tensor& drop,
      nn::decoding::KvCache* cache,
      const torch::Tensor& places = {});
  torch::Tensor read(const torch::Tensor& hidden) const;

  AutoregressiveTransformerConfig config_;
  std::int64_t codebooks_;
  std::int64_t entries_;
  std::int64_t condition_features_;
  std::vector<std::shared_ptr<nn::Embedding>> emb;
  std::vector<std::shared_ptr<Layer>> layers;
  std::shared_ptr<nn::UnaryModule> condition_proj;
  std::shared_ptr<nn::UnaryModule> out_norm;
  std::vector<std::shared_ptr<nn::UnaryModule>> linears;
};

}  // namespace mmi::heads
