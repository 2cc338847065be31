#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/heads/token_head.h"
#include "mmi/nn/decoding/masked.h"
#include "mmi/nn/decoding/training_mask.h"
#include "mmi/nn/unary_module.h"

namespace mmi::heads {

/// Defaults are the published sizes and decoding of VATT.
struct MMI_API MaskedTransformerConfig {
  std::int64_t dim = 1024;            ///< a multiple of heads
  std::int64_t heads = 16;            ///< of dim / heads each
  std::int64_t multiway_layers = 12;  ///< N1: experts for condition and tokens
  std::int64_t shared_layers = 12;    ///< N2
  std::int64_t mlp_ratio = 4;         ///< hidden units of the feed-forward part over dim
  std::int64_t embedding_dim = 128;   ///< E of learned codebook rows
  double dropout = 0.1;               ///< of embeddings, attention and feed-forward parts
  bool share_multiway_norm = false;   ///< one pair of norms for the whole stage, as published
  double condition_dropout = 0.1;     ///< samples trained without the content of the condition
  double label_smoothing = 0.1;
  nn::decoding::TrainingMaskConfig mask;
  nn::decoding::MaskedDecodingConfig decoding = vatt_decoding();

  static nn::decoding::MaskedDecodingConfig vatt_decoding();
  static const config::Schema& schema();
};

/// Bidirectional transformer over [condition; tokens] that predicts masked tokens (VATT Audio:
/// Liu et al., "Tell What You Hear From What You See", NeurIPS 2024; VAB: Su et al., "From Vision
/// to Audio and Beyond", ICML 2024). Frame t is Linear(sum over k of row[k][code]) with a learned
/// row for MASK; fixed sine-cosine positions over the whole sequence, a learned vector for each of
/// the two parts, and ALiBi (symmetric) in every attention. N1 multiway layers share the attention
/// and have norms and feed-forward parts of their own for condition (A) and tokens (B); N2 ordinary
/// layers follow; K linear layers without bias read the tokens' part.
/// Keys as in the published decoder (`encoder` is the multiway stage, `decoder` the shared one),
/// without its table of positions, with `embedding.codebooks` (K,V,E).
/// At the default sizes the two stages have 402,806,784 parameters; with share_multiway_norm, as
/// published, 402,708,480.
/// Not thread-safe.
class MMI_API MaskedTransformer : public TokenHead {
 public:
  MaskedTransformer(const MaskedTransformerConfig& config, const BuildArgs& args);
  ~MaskedTransformer() override;

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

  /// Generates the positions of `masked` (B,K,T) bool in `codes` (B,K,T); the others stay. c2f:
  /// codes hold the coarse levels, and `masked` may be undefined.
  TokenGeneration complete(
      const TokenCondition& condition,
      const torch::Tensor& codes,
      const torch::Tensor& masked,
      const std::vector<std::uint64_t>& seeds);

  torch::Tensor logits(const TokenCondition& condition, const torch::Tensor& codes) override;

  /// Stations of a forward pass, for comparison with the published network.
  struct Activations {
    torch::Tensor token_embedding;      ///< (B,T,D) before positions
    torch::Tensor condition_embedding;  ///< (B,S,D) before positions
    torch::Tensor encoder_attention0;   ///< (B,S+T,D) of the first layers, before they are added
    torch::Tensor encoder_ff0;
    torch::Tensor encoder;
    torch::Tensor decoder_attention0;
    torch::Tensor decoder;
    torch::Tensor logits;  ///< (B,K,T,V)
  };

  Activations activations(const TokenCondition& condition, const torch::Tensor& codes);

  /// Elements of the multiway stage and of the shared stage.
  std::pair<std::int64_t, std::int64_t> stage_parameters() const;

 private:
  struct Embedding;
  struct Stage;
  struct List;

  /// Content (B,S,D) of the condition; zeros for samples in `dropped` (B) bool.
  torch::Tensor embed_condition(const torch::Tensor& features, const torch::Tensor& dropped);
  torch::Tensor run(
      const torch::Tensor& content,
      const torch::Tensor& mask,
      const torch::Tensor& codes,
      Activations* seen = nullptr);

  MaskedTransformerConfig config_;
  std::int64_t codebooks_;
  std::int64_t entries_;
  std::int64_t condition_features_;
  torch::Tensor modality_v;  // (1,1,D), of the condition
  torch::Tensor modality_a;  // of the tokens
  std::shared_ptr<Stage> encoder;
  std::shared_ptr<Stage> decoder;
  std::shared_ptr<Embedding> embedding;
  std::shared_ptr<List> classifier;
  std::shared_ptr<nn::UnaryModule> img_linear;
  std::mutex last_;          // of the two below
  torch::Tensor alibi_;      // (1,H,N,N) of the last length
  torch::Tensor positions_;  // (1,N,D)
};

}  // namespace mmi::heads
