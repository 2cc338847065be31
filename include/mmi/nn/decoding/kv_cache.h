#pragma once

#include <torch/types.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "mmi/base/api.h"

namespace mmi::nn::decoding {

/// Keys and values of all layers of a causal transformer, in memory that is allocated once:
/// (B,H,S_max,D) a layer, where H is the number of key-value heads (fewer than query heads under
/// grouped-query attention) and D that of one head. A step writes its columns behind what is there
/// and attends over a view; nothing is copied. Not thread-safe.
///   KvCache cache(layers, batch, kv_heads, capacity, head_dim, hidden.options());
///   auto [k, v] = cache.append(layer, new_k, new_v);   // (B,H,S,D) each, S columns so far
class MMI_API KvCache {
 public:
  KvCache(
      std::int64_t layers,
      std::int64_t batch,
      std::int64_t kv_heads,
      std::int64_t capacity,
      std::int64_t head_dim,
      const torch::TensorOptions& options = {});

  /// Columns that all layers have.
  std::int64_t length() const {
    return lengths_.back();
  }

  std::int64_t capacity() const {
    return capacity_;
  }

  std::int64_t batch() const {
    return batch_;
  }

  /// Writes keys and values (B,H,n,D) behind those of `layer` and returns views of all of them,
  /// (B,H,length + n,D). Throws ShapeError when they do not fit or the capacity is exceeded.
  std::pair<torch::Tensor, torch::Tensor> append(
      std::int64_t layer, const torch::Tensor& keys, const torch::Tensor& values);

  /// Forgets the columns from n on and whether they were padding, in every layer; n <= length().
  void crop(std::int64_t n);

  /// Sample b continues what sample index[b] was; index (B) int64. For beam search.
  void reorder(const torch::Tensor& index);

  // ---- padding on the left ----------------------------------------------------------------------

  /// The first columns[b] columns of sample b are padding: no query sees them, and positions count
  /// from the first real column. One number a sample, each >= 0.
  void set_left_padding(const std::vector<std::int64_t>& columns);

  /// Which columns hold something: (B,S) bool, true where real, S <= capacity; for conditions that
  /// are padded anywhere. Later columns are real.
  void set_padding(const torch::Tensor& real);

  /// Positions (B,n) int64 of the next n columns: real columns before each; 0 for padding at the
  /// start. Ask before the first layer appends.
  torch::Tensor positions(std::int64_t n) const;

  /// What the next n columns may see of all length() + n: (B,1,n,length() + n) bool, causal and
  /// without padding; a padding column sees itself, so that no row is empty. Undefined when they
  /// may see everything (n = 1 without padding). `window` > 0: a column sees itself and the
  /// window - 1 columns before it. Ask before the first layer appends.
  torch::Tensor attention_mask(std::int64_t n, std::int64_t window = 0) const;

  /// (B,capacity) bool, true where a column is real; undefined when all are.
  const torch::Tensor& real() const {
    return real_;
  }

 private:
  std::int64_t batch_;
  std::int64_t capacity_;
  std::vector<torch::Tensor> keys_;
  std::vector<torch::Tensor> values_;
  std::vector<std::int64_t> lengths_;
  torch::Tensor real_;  // (B,capacity) bool or undefined
};

}  // namespace mmi::nn::decoding
