#include "mmi/base/parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace mmi {
namespace {

thread_local bool inside = false;

}  // namespace

void parallel_for(std::int64_t count, int threads, const std::function<void(std::int64_t)>& work) {
  const auto helpers = static_cast<int>(std::min<std::int64_t>(threads, count)) - 1;
  if (inside || helpers < 1) {
    for (std::int64_t i = 0; i < count; ++i) {
      work(i);
    }
    return;
  }
  std::atomic<std::int64_t> next{0};
  std::exception_ptr failure;
  std::mutex lock;
  const auto run = [&] {
    inside = true;
    try {
      for (std::int64_t i = next++; i < count; i = next++) {
        work(i);
      }
    } catch (...) {
      next = count;
      const std::lock_guard<std::mutex> guard(lock);
      failure = failure ? failure : std::current_exception();
    }
    inside = false;
  };
  std::vector<std::thread> pool;
  for (int t = 0; t < helpers; ++t) {
    pool.emplace_back(run);
  }
  run();
  for (std::thread& thread : pool) {
    thread.join();
  }
  if (failure) {
    std::rethrow_exception(failure);
  }
}

}  // namespace mmi
