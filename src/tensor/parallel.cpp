#include "mmi/tensor/parallel.h"

#include <ATen/Parallel.h>

#include "mmi/base/parallel.h"

namespace mmi {

void parallel_items(std::int64_t count, const std::function<void(std::int64_t)>& work) {
  const int threads = at::get_num_threads();
  if (threads == 1 || count <= 1) {
    for (std::int64_t i = 0; i < count; ++i) {
      work(i);
    }
    return;
  }

  struct Restore {
    int threads;

    ~Restore() {
      at::set_num_threads(threads);
    }
  } const restore{threads};

  parallel_for(count, threads, [&](std::int64_t i) {
    at::set_num_threads(1);  // a setting of each thread
    work(i);
  });
}

}  // namespace mmi
