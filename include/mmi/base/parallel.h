#pragma once

#include <cstdint>
#include <functional>

#include "mmi/base/api.h"

namespace mmi {

/// Calls `work(i)` for i = 0 ... count - 1 on up to `threads` threads, the caller's among them;
/// each takes the next index when it is done with one, so results must not depend on which thread
/// does what. Inside of `work` a further call runs on its thread alone. The first exception is
/// thrown again once all threads have stopped; indices not yet begun are then left out. The threads
/// stay for further calls and are shared by all of the process.
/// (at::parallel_for is a plain loop here: its header goes parallel only under -fopenmp, which
/// would bring a second runtime beside torch's.)
MMI_API void parallel_for(
    std::int64_t count, int threads, const std::function<void(std::int64_t)>& work);

}  // namespace mmi
