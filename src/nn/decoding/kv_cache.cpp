#include "mmi/nn/decoding/kv_cache.h"

#include <torch/torch.h>

#include <algorithm>

#include "mmi/base/errors.h"

namespace mmi::nn::decoding {

KvCache::KvCache(
    std::int64_t layers,
    std::int64_t batch,
    std::int64_t kv_heads,
    std::int64_t capacity,
    std::int64_t head_dim,
    const torch::TensorOptions& options)
    : batch_(batch), capacity_(capacity) {
  MMI_CHECK(
      ConfigError,
      layers > 0 && batch > 0 && kv_heads > 0 && capacity > 0 && head_dim > 0,
      "a cache needs layers, samples, heads, columns and a head size, but has {}, {}, {}, {} and "
      "{}",
      layers,
      batch,
      kv_heads,
      capacity,
      head_dim);
  for (std::int64_t i = 0; i < layers; ++i) {
    keys_.push_back(torch::empty({batch, kv_heads, capacity, head_dim}, options));
    values_.push_back(torch::empty({batch, kv_heads, capacity, head_dim}, options));
  }
  lengths_.assign(static_cast<std::size_t>(layers), 0);
}

std::pair<torch::Tensor, torch::Tensor> KvCache::append(
    std::int64_t layer, const torch::Tensor& keys, const torch::Tensor& values) {
  MMI_ASSERT(layer >= 0 && layer < static_cast<std::int64_t>(keys_.size()));
  const auto at = static_cast<std::size_t>(layer);
  torch::Tensor& all_keys = keys_[at];
  torch::Tensor& all_values = values_[at];
  std::int64_t& length = lengths_[at];
  const std::int64_t n = keys.dim() == 4 ? keys.size(2) : 0;
  MMI_CHECK(
      ShapeError,
      keys.sizes() == c10::IntArrayRef({batch_, all_keys.size(1), n, all_keys.size(3)}) &&
          values.sizes() == keys.sizes(),
      "keys and values must be ({},{},n,{}), but are {} and {}",
      batch_,
      all_keys.size(1),
      all_keys.size(3),
      keys.sizes().vec(),
      values.sizes().vec());
  MMI_CHECK(
      ShapeError,
      length + n <= capacity_,
      "the cache has room for {} columns, but {} are wanted",
      capacity_,
      length + n);
  all_keys.narrow(2, length, n).copy_(keys);
  all_values.narrow(2, length, n).copy_(values);
  length += n;
  return {all_keys.narrow(2, 0, length), all_values.narrow(2, 0, length)};
}

void KvCache::crop(std::int64_t n) {
  MMI_CHECK(
      ConfigError,
      n >= 0 && n <= length(),
      "a cache of {} columns cannot be cut to {}",
      length(),
      n);
  for (std::int64_t& length : lengths_) {
    length = std::min(length, n);
  }
  if (real_.defined()) {
    real_.narrow(1, n, capacity_ - n).fill_(true);
  }
}

void KvCache::reorder(const torch::Tensor& index) {
  MMI_CHECK(
      ShapeError,
      index.dim() == 1 && index.size(0) == batch_,
      "reordering {} samples needs as many indices, but there are {}",
      batch_,
      index.sizes().vec());
  const auto where = index.to(keys_.front().device());
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    for (torch::Tensor* all : {&keys_[i], &values_[i]}) {
      auto used = all->narrow(2, 0, lengths_[i]);
      used.copy_(used.index_select(0, where));
    }
  }
  if (real_.defined()) {
    real_ = real_.index_select(0, where);
  }
}

void KvCache::set_left_padding(const std::vector<std::int64_t>& columns) {
  const auto count = torch::tensor(columns, torch::TensorOptions().dtype(torch::kLong));
  MMI_CHECK(
      ShapeError,
      count.numel() == batch_ && count.ge(0).all().item<bool>() &&
          count.le(capacity_).all().item<bool>(),
      "left padding needs a number in [0, {}] for each of {} samples",
      capacity_,
      batch_);
  const auto column = torch::arange(capacity_).unsqueeze(0);
  set_padding(column.ge(count.unsqueeze(1)));
}

void KvCache::set_padding(const torch::Tensor& real) {
  MMI_CHECK(
      ShapeError,
      real.dim() == 2 && real.size(0) == batch_ && real.size(1) <= capacity_ &&
          real.scalar_type() == torch::kBool,
      "padding must be ({},S) bool with S <= {}, but is {}",
      batch_,
      capacity_,
      real.sizes().vec());
  if (real.all().item<bool>()) {
    real_ = torch::Tensor();
    return;
  }
  real_ = torch::ones({batch_, capacity_}, keys_.front().options().dtype(torch::kBool));
  real_.narrow(1, 0, real.size(1)).copy_(real);
}

torch::Tensor KvCache::positions(std::int64_t n) const {
  const auto options = keys_.front().options().dtype(torch::kLong);
  if (!real_.defined()) {
    return torch::arange(length(), length() + n, options).unsqueeze(0).expand({batch_, n});
  }
  const auto count = real_.narrow(1, 0, length() + n).to(torch::kLong).cumsum(1) - 1;
  return count.clamp_min(0).narrow(1, length(), n);
}

torch::Tensor KvCache::attention_mask(std::int64_t n, std::int64_t window) const {
  const std::int64_t total = length() + n;
  const bool cut = window > 0 && total > window;
  if (n == 1 && !real_.defined() && !cut) {
    return {};
  }
  const auto options = keys_.front().options();
  const auto key = torch::arange(total, options.dtype(torch::kLong)).view({1, 1, 1, total});
  const auto query = torch::arange(length(), total, options.dtype(torch::kLong)).view({1, 1, n, 1});
  auto causal = key.le(query);
  if (cut) {
    causal = causal.logical_and(key.gt(query - window));
  }
  if (!real_.defined()) {
    return causal.expand({batch_, 1, n, total});
  }
  const auto real = real_.narrow(1, 0, total).view({batch_, 1, 1, total});
  return causal.logical_and(real).logical_or(key.eq(query));
}

}  // namespace mmi::nn::decoding
