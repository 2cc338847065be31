#include "mmi/tensor/buffer_pool.h"

#include <utility>

namespace mmi {

torch::Tensor BufferPool::empty(at::IntArrayRef sizes, torch::ScalarType type) {
  const std::size_t bytes =
      static_cast<std::size_t>(c10::multiply_integers(sizes)) * c10::elementSize(type);
  if (bytes < kLarge) {
    return torch::empty(sizes, type);
  }
  torch::Tensor block;
  {
    const std::lock_guard lock(mutex_);
    ++used_;
    const auto found = free_.lower_bound(bytes);
    if (found != free_.end() && found->first <= 2 * bytes) {
      block = std::move(found->second);
      free_.erase(found);
    } else if (!free_.empty()) {
      // One that does not fit makes room for the new one.
      free_.erase(free_.begin());
    }
  }
  if (!block.defined()) {
    block = torch::empty({static_cast<std::int64_t>(bytes)}, torch::kUInt8);
  }
  void* const data = block.mutable_data_ptr();
  // The pool lives as long as a tensor that will come back to it.
  const auto give_back = [pool = shared_from_this(), block](void*) {
    const std::lock_guard lock(pool->mutex_);
    --pool->used_;
    pool->free_.emplace(block.nbytes(), block);
  };
  return torch::from_blob(data, sizes, give_back, torch::dtype(type));
}

std::size_t BufferPool::blocks() const {
  const std::lock_guard lock(mutex_);
  return used_ + free_.size();
}

}  // namespace mmi
