#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/codecs/config.h"

namespace mmi::codecs {

/// V vectors of D numbers by Euclidean distance: the quantiser of a VQ-VAE, learned by running
/// means instead of gradients. Buffers inited, cluster_size, embed, embed_avg.
class MMI_API VectorQuantizer : public torch::nn::Module {
 public:
  VectorQuantizer(std::int64_t size, std::int64_t dim, const CodebookTraining& training = {});

  /// (N,D) → (N) int64; the first of equally near vectors.
  torch::Tensor encode(const torch::Tensor& vectors) const;

  /// (...) int64 → (...,D).
  torch::Tensor decode(const torch::Tensor& codes) const;

  /// Moves the codebook towards `vectors` (N,D) that were given `codes` (N). The first call places
  /// it by k-means. Draws from torch's generator.
  void learn(const torch::Tensor& vectors, const torch::Tensor& codes);

  /// Whether k-means has placed the codebook.
  bool initialized() const;

  /// Places the codebook by k-means; called by the first `learn`.
  void initialize(const torch::Tensor& vectors);

  const torch::Tensor& embed() const {
    return embed_;
  }

  std::int64_t size() const {
    return embed_.size(0);
  }

 private:
  CodebookTraining training_;
  torch::Tensor inited_, cluster_size_, embed_, embed_avg_;
};

/// What quantising a batch in training gives.
struct Quantized {
  torch::Tensor values;      ///< (B,D,T); gradients pass straight through to the input
  torch::Tensor codes;       ///< (B,K,T) int64
  torch::Tensor commitment;  ///< mean over levels of the squared distance to what a level was given
  torch::Tensor perplexity;  ///< (K): exp of the entropy of the codes of this batch
};

/// Each level quantises what the levels before it left over (Zeghidour et al. 2021). Keys
/// layers.<k>.codebook.{inited,cluster_size,embed,embed_avg}, as transformers has them.
class MMI_API ResidualQuantizer : public torch::nn::Module {
 public:
  ResidualQuantizer(
      std::int64_t levels,
      std::int64_t size,
      std::int64_t dim,
      const CodebookTraining& training = {});

  /// (B,D,T) float → (B,K,T) int64 with the first `levels`; 0: all. ConfigError for more than there
  /// are.
  torch::Tensor encode(const torch::Tensor& values, std::int64_t levels = 0) const;

  /// (B,K,T) int64 → (B,D,T); K may be smaller than the number of levels. ShapeError for other
  /// codes, DataError for one outside of [0, V).
  torch::Tensor decode(const torch::Tensor& codes) const;

  /// A training step with the first `levels`, as in `encode`; learns when the module is in training
  /// mode. Each level's residual is taken from detached values, so that every level commits
  /// (facebookresearch/encodec issue 25).
  Quantized forward(const torch::Tensor& values, std::int64_t levels = 0);

  /// (K,V,D).
  torch::Tensor vectors() const;

  std::int64_t levels() const {
    return static_cast<std::int64_t>(books_.size());
  }

 private:
  std::int64_t count_of(std::int64_t levels) const;

  std::vector<std::shared_ptr<VectorQuantizer>> books_;
};

}  // namespace mmi::codecs
