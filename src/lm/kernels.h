#pragma once

#include <torch/types.h>

#include <cstdint>

#include "mmi/nn/decoding/kv_cache.h"

/// What a step of generation on a CPU is made of besides matrix products: float32, no gradients,
/// no memory besides the result. Results don't depend on the number of threads.
namespace mmi::lm::kernels {

/// Turns x (B,n,H,D) in place; rows of cosines and sines (B or 1,n,D / 2).
void rotate(const torch::Tensor& x, const torch::Tensor& cos, const torch::Tensor& sin);

struct Attention {
  double scale = 1;
  double soft_cap = 0;      ///< 0: none
  std::int64_t window = 0;  ///< last columns that are seen; 0: all
};

/// A query q (B,1,H,D) over keys and values (B,H_kv,S,D) of the cache, each shared by H / H_kv
/// heads without being repeated. `real` (B,>= S) bool or undefined: which columns count.
/// (B,1,H D).
torch::Tensor attend_one(
    const torch::Tensor& q,
    const torch::Tensor& keys,
    const torch::Tensor& values,
    const torch::Tensor& real,
    const Attention& how);

}  // namespace mmi::lm::kernels
