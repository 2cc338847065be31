#pragma once

#include <torch/types.h>

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>

#include "mmi/base/api.h"

namespace mmi {

/// Memory of large CPU tensors, used again when its tensor is gone: fresh memory has to be cleared
/// by the system page by page, which costs more than copying a batch into it. Thread-safe; never
/// has more blocks than were in use at one time.
class MMI_API BufferPool : public std::enable_shared_from_this<BufferPool> {
 public:
  static constexpr std::size_t kLarge = std::size_t{1} << 20;

  /// A tensor with arbitrary content. Less than `kLarge` bytes come from the allocator of torch.
  torch::Tensor empty(at::IntArrayRef sizes, torch::ScalarType type);

  /// In use and free.
  std::size_t blocks() const;

 private:
  mutable std::mutex mutex_;
  std::size_t used_ = 0;
  std::multimap<std::size_t, torch::Tensor> free_;  ///< by bytes
};

}  // namespace mmi
