#include "mmi/nn/autocast.h"

#include <ATen/autocast_mode.h>

namespace mmi::nn {

bool bf16_is_fast(const torch::Device& device) {
  if (device.is_cuda()) {
    return true;
  }
#ifdef __x86_64__
  return __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

Autocast::Autocast(const torch::Device& device, bool enabled)
    : device_(device.type()),
      dtype_(at::autocast::get_autocast_dtype(device_)),
      was_(at::autocast::is_autocast_enabled(device_)) {
  at::autocast::set_autocast_enabled(device_, enabled);
  if (enabled) {
    at::autocast::set_autocast_dtype(device_, torch::kBFloat16);
  }
  at::autocast::increment_nesting();
}

Autocast::~Autocast() {
  if (at::autocast::decrement_nesting() == 0) {
    at::autocast::clear_cache();
  }
  at::autocast::set_autocast_dtype(device_, dtype_);
  at::autocast::set_autocast_enabled(device_, was_);
}

}  // namespace mmi::nn
