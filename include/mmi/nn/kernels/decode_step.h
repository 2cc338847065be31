#pragma once

#include <torch/types.h>

#include <cstdint>

#include "mmi/base/api.h"

/// What a step of generation on a CPU is made of besides matrix products: float32, no gradients.
/// torch's own would split a few thousand values among its threads, which then wait for more on
/// cores that the products need. Results don't depend on the number of threads.
namespace mmi::nn {

struct OneQuery {
  double scale = 1;
  double soft_cap = 0;      ///< 0: none
  std::int64_t window = 0;  ///< last columns that are seen; 0: all
};

/// A query q (B,1,H,D) over keys and values (B,H_kv,S,D) of a KvCache, each shared by H / H_kv
/// heads without being repeated. `real` (B,>= S) bool or undefined: which columns count.
/// (B,1,H D).
MMI_API torch::Tensor attend_one(
    const torch::Tensor& q,
    const torch::Tensor& keys,
    const torch::Tensor& values,
    const torch::Tensor& real,
    const OneQuery& how);

/// x (1 + erf(x / sqrt 2)) / 2, of any shape, off by at most 2e-7 max(1, |x|).
MMI_API torch::Tensor gelu(const torch::Tensor& x);

}  // namespace mmi::nn
