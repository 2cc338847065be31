#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "mmi/base/api.h"

namespace mmi {

/// Ordered map from names to values: what crosses every boundary (examples, batches, outputs).
/// A value is a tensor, a ragged list of tensors, a list of strings or an integer.
/// Copies share tensor storage. Not thread-safe while written.
class MMI_API TensorDict {
 public:
  using Value = std::
      variant<torch::Tensor, std::vector<torch::Tensor>, std::vector<std::string>, std::int64_t>;
  using Item = std::pair<std::string, Value>;

  /// Adds or replaces.
  void set(std::string_view name, Value value);

  bool has(std::string_view name) const;

  /// Throws DataError naming what is present when `name` is missing or of another kind.
  const torch::Tensor& tensor(std::string_view name) const;
  const std::vector<torch::Tensor>& list(std::string_view name) const;
  const std::vector<std::string>& strings(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;
  const Value& at(std::string_view name) const;

  std::size_t size() const {
    return items_.size();
  }

  std::vector<Item>::const_iterator begin() const {
    return items_.begin();
  }

  std::vector<Item>::const_iterator end() const {
    return items_.end();
  }

  /// Tensors (and lists) on `device`; the rest unchanged.
  TensorDict to(torch::Device device) const;

  /// One line per value: name, kind, shape, dtype.
  std::string describe() const;

  /// Batch of examples with equal names and kinds: tensors of equal shape are stacked along a new
  /// dimension 0, tensors of different shape become a ragged list, strings are concatenated,
  /// integers become an int64 tensor (B). Throws DataError when names differ.
  static TensorDict collate(const std::vector<TensorDict>& examples);

 private:
  const Value* find(std::string_view name) const;

  std::vector<Item> items_;
};

}  // namespace mmi
