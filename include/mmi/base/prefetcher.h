#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace mmi {

/// Computes make(first), make(first + 1), … on worker threads, at most `depth` results ahead, and
/// hands them out in order. An exception in `make` surfaces in the `next` call of its ticket. With
/// zero workers `next` computes in the calling thread. `next` is for one consumer thread.
template <class T>
class Prefetcher {
 public:
  using Make = std::function<T(std::int64_t ticket)>;

  Prefetcher(Make make, std::int64_t first, int workers, int depth)
      : make_(std::move(make)), issued_(first), wanted_(first), depth_(depth < 1 ? 1 : depth) {
    for (int i = 0; i < workers; ++i) {
      threads_.emplace_back([this] { work(); });
    }
  }

  ~Prefetcher() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    room_.notify_all();
    for (std::thread& thread : threads_) {
      thread.join();
    }
  }

  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;

  T next() {
    if (threads_.empty()) {
      return make_(wanted_++);
    }
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [this] { return done_.contains(wanted_); });
    Result result = std::move(done_.extract(wanted_).mapped());
    ++wanted_;
    lock.unlock();
    room_.notify_all();
    if (result.error) {
      std::rethrow_exception(result.error);
    }
    return std::move(*result.value);
  }

 private:
  struct Result {
    std::unique_ptr<T> value;
    std::exception_ptr error;
  };

  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      room_.wait(lock, [this] { return stop_ || issued_ < wanted_ + depth_; });
      if (stop_) {
        return;
      }
      const std::int64_t ticket = issued_++;
      lock.unlock();
      Result result;
      try {
        result.value = std::make_unique<T>(make_(ticket));
      } catch (...) {
        result.error = std::current_exception();
      }
      lock.lock();
      done_.emplace(ticket, std::move(result));
      ready_.notify_one();
    }
  }

  Make make_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::condition_variable room_;
  std::map<std::int64_t, Result> done_;
  std::int64_t issued_;
  std::int64_t wanted_;
  std::int64_t depth_;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace mmi
