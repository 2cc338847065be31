#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "mmi/base/api.h"

namespace mmi::models::codec {

/// exp of the entropy of shares: (K,V), each row of any sum, → (K). 1 for a row of one code, V for
/// even use, 0 for a row of zeros.
MMI_API torch::Tensor perplexity(const torch::Tensor& counts);

/// How often each code of each level was used lately, as running means of shares; buffer `shares`
/// (K,V), part of a checkpoint. Warns once for a level that collapses to few codes.
class MMI_API CodeUsage : public torch::nn::Module {
 public:
  CodeUsage(std::int64_t codebooks, std::int64_t size);

  /// (B,k,T) with k <= K: the levels that were used. `step` names the step in the warning.
  void update(const torch::Tensor& codes, std::int64_t step);

  /// (K).
  torch::Tensor perplexity() const {
    return codec::perplexity(shares_);
  }

  /// (K): codes that were used less than a hundredth of their even share.
  torch::Tensor dead() const;

  /// Levels that were warned of.
  const std::vector<bool>& collapsed() const {
    return collapsed_;
  }

 private:
  torch::Tensor shares_;
  std::vector<bool> collapsed_;
};

}  // namespace mmi::models::codec
