#include "mmi/data/dataset.h"

#include <numeric>
#include <utility>

#include "mmi/base/errors.h"

MMI_DEFINE_REGISTRY(mmi::data::Dataset)

namespace mmi::data {

TensorDataset::TensorDataset(const TensorDict& columns, std::string fingerprint)
    : fingerprint_(std::move(fingerprint)) {
  MMI_CHECK(ShapeError, columns.size() > 0, "a dataset in memory needs at least one tensor");
  for (const auto& [name, value] : columns) {
    const torch::Tensor column = columns.tensor(name).detach().contiguous();
    MMI_CHECK(
        ShapeError,
        column.device().is_cpu() && column.dim() > 0 && column.size(0) > 0 &&
            (size_ == 0 || column.size(0) == size_),
        "the tensors of a dataset lie in CPU memory and have one number of rows; \"{}\" has shape "
        "{}, another one {} rows",
        name,
        column.sizes().vec(),
        size_);
    size_ = column.size(0);
    columns_.set(name, column);
  }
}

TensorDict TensorDataset::get(std::int64_t index, Rng&) const {
  TensorDict example;
  for (const auto& [name, value] : columns_) {
    example.set(name, std::get<torch::Tensor>(value)[index]);
  }
  return example;
}

std::vector<std::int64_t> PermutationSampler::epoch(std::uint64_t seed, std::int64_t epoch) const {
  std::vector<std::int64_t> order(static_cast<std::size_t>(size_));
  std::iota(order.begin(), order.end(), 0);
  if (shuffle_) {
    Rng(seed).stream("order", static_cast<std::uint64_t>(epoch)).shuffle(order);
  }
  return order;
}

}  // namespace mmi::data
