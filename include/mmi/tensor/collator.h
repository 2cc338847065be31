#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/tensor/buffer_pool.h"
#include "mmi/tensor/tensor_dict.h"

namespace mmi {

/// Puts examples into one batch as they come; the rules are those of TensorDict::collate. A CPU
/// tensor is copied into its row of the batch at once, so an example need not be kept. Rows may be
/// added by several threads, each row once, and the result does not depend on their order.
///   Collator batch(2); batch.add(1, b); batch.add(0, a); TensorDict both = batch.finish();
class MMI_API Collator {
 public:
  /// The large tensors of the batch come from `pool`, if there is one.
  explicit Collator(std::int64_t rows, std::shared_ptr<BufferPool> pool = nullptr);

  /// Throws DataError when the names or kinds differ from those of the first example added.
  void add(std::int64_t row, const TensorDict& example);

  /// Adds examples that are rows of tensors: row `indices[i]` of `columns` (contiguous CPU tensors)
  /// becomes row `first` + i. With `check_finite`, false when one holds NaN or infinity; these rows
  /// are then to be added again.
  bool add(
      std::int64_t first,
      const TensorDict& columns,
      std::span<const std::int64_t> indices,
      bool check_finite);

  /// The batch; call it once, when every row has been added.
  TensorDict finish();

 private:
  struct Entry {
    std::string name;
    std::size_t kind = 0;
    torch::Tensor stacked;      ///< (rows, …), shaped by the first example
    std::byte* data = nullptr;  ///< of `stacked`
    std::size_t row_bytes = 0;
    std::vector<TensorDict::Value> apart;  ///< by row: what does not go into `stacked`
  };

  void open(const TensorDict& example);
  void put(Entry& entry, std::int64_t row, const TensorDict::Value& value);
  TensorDict::Value finish(Entry& entry) const;

  std::int64_t rows_;
  std::shared_ptr<BufferPool> pool_;
  std::mutex mutex_;  ///< of the opening, and of `apart`
  std::atomic<bool> open_ = false;
  TensorDict first_;
  std::vector<Entry> entries_;
};

}  // namespace mmi
