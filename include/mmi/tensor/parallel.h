#pragma once

#include <cstdint>
#include <functional>

#include "mmi/base/api.h"

namespace mmi {

/// Calls `work(i)` for i = 0 ... count - 1 on as many threads as torch has, each of which computes
/// its tensor operations alone: for many independent operations that are too small to be split.
/// Results must not depend on which thread does what.
MMI_API void parallel_items(std::int64_t count, const std::function<void(std::int64_t)>& work);

}  // namespace mmi
