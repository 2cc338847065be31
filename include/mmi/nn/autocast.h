#pragma once

#include <torch/types.h>

#include "mmi/base/api.h"

namespace mmi::nn {

/// True where bfloat16 products are worth their loss of precision: CUDA devices, and CPUs with
/// AVX512-BF16 (on others they are emulated, a hundred times slower than float32).
MMI_API bool bf16_is_fast(const torch::Device& device);

/// While it lives, torch's autocast to bfloat16 is on for one kind of device in this thread.
class MMI_API Autocast {
 public:
  Autocast(const torch::Device& device, bool enabled);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  torch::DeviceType device_;
  torch::ScalarType dtype_;  ///< as it was
  bool was_;
};

}  // namespace mmi::nn
