#include "models/lm/token_windows.h"

#include "mmi/base/errors.h"

namespace mmi::models::lm {

TokenWindows::TokenWindows(torch::Tensor ids, std::int64_t window, std::string fingerprint)
    : ids_(std::move(ids)), window_(window), fingerprint_(std::move(fingerprint)) {
  MMI_CHECK(
      DataError,
      ids_.size(0) > window_,
      "a window is {} tokens and the one behind it, but the text has {}",
      window_,
      ids_.size(0));
}

std::int64_t TokenWindows::size() const {
  return (ids_.size(0) - 1) / window_;
}

TensorDict TokenWindows::get(std::int64_t /*index*/, Rng& rng) const {
  const std::int64_t begin = rng.integer(ids_.size(0) - window_);
  TensorDict example;
  example.set("ids", ids_.slice(0, begin, begin + window_ + 1).clone());
  return example;
}

}  // namespace mmi::models::lm
