#pragma once

#include <torch/types.h>

#include <string>
#include <utility>

#include "mmi/base/api.h"
#include "mmi/data/dataset.h"

namespace mmi::models::lm {

/// Windows of a text's tokens, {ids (window + 1) int64}: as many an epoch as fit side by side, each
/// from a place that is drawn anew. Thread-safe.
class MMI_API TokenWindows : public data::Dataset {
 public:
  TokenWindows(torch::Tensor ids, std::int64_t window, std::string fingerprint);

  std::int64_t size() const override;
  TensorDict get(std::int64_t index, Rng& rng) const override;

  std::string fingerprint() const override {
    return fingerprint_;
  }

  std::string name() const override {
    return "the windows of tokens";
  }

 private:
  torch::Tensor ids_;
  std::int64_t window_;
  std::string fingerprint_;
};

}  // namespace mmi::models::lm
