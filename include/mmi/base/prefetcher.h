#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace mmi {

/// Computes make(first), make(first + 1), … on worker threads, at most `depth` results and about
/// `max_cost` (the sum of `cost` of each) ahead, and hands them out in order. An exception in
/// `make` surfaces in the `next` call of its ticket. With zero workers `next` computes in the
/// calling thread. `next` is for one consumer thread.
template <class T>
class Prefetcher {
 public:
  using Make = std::function<T(std::int64_t ticket)>;
  using Cost = std::function<std::size_t(const T&)>;

  Prefetcher(
      Make make,
      std::int64_t first,
      int workers,
      int depth,
      Cost cost = [](const T&) { return std::size_t{0}; },
      std::size_t max_cost = std::numeric_limits<std::size_t>::max())
      : make_(std::move(make)),
        cost_(std::move(cost)),
        max_cost_(max_cost),
        issued_(first),
        wanted_(first),
        depth_(depth < 1 ? 1 : depth),
        results_(static_cast<std::size_t>(depth_)) {
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
    Result& slot = result_of(wanted_);
    // Falling asleep and being woken costs more than a small result.
    for (int i = 0; i < kLooks && !slot.done; ++i) {
      lock.unlock();
      std::this_thread::yield();
      lock.lock();
    }
    waiting_ = true;
    ready_.wait(lock, [&] { return slot.done; });
    waiting_ = false;
    Result result = std::exchange(slot, {});
    ++wanted_;
    held_ -= result.cost;
    // Sleepers wake when half of the window is free, not for each result.
    const bool wake = idle_ > 0 && issued_ - wanted_ <= depth_ / 2;
    lock.unlock();
    if (wake) {
      room_.notify_all();
    }
    if (result.error) {
      std::rethrow_exception(result.error);
    }
    return std::move(*result.value);
  }

 private:
  static constexpr int kLooks = 64;

  struct Result {
    bool done = false;
    std::optional<T> value;
    std::exception_ptr error;
    std::size_t cost = 0;
  };

  Result& result_of(std::int64_t ticket) {
    return results_[static_cast<std::size_t>(ticket % depth_)];
  }

  /// The wanted result is always made; what is being made counts as the last one did.
  bool has_room() const {
    return issued_ == wanted_ ||
           (issued_ < wanted_ + depth_ && held_ + (running_ + 1) * last_cost_ <= max_cost_);
  }

  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      ++idle_;
      room_.wait(lock, [this] { return stop_ || has_room(); });
      --idle_;
      if (stop_) {
        return;
      }
      const std::int64_t ticket = issued_++;
      ++running_;
      lock.unlock();
      Result result;
      try {
        result.value.emplace(make_(ticket));
        result.cost = cost_(*result.value);
      } catch (...) {
        result.error = std::current_exception();
      }
      result.done = true;
      lock.lock();
      --running_;
      held_ += result.cost;
      last_cost_ = result.cost;
      result_of(ticket) = std::move(result);
      if (waiting_ && ticket == wanted_) {
        ready_.notify_one();
      }
    }
  }

  Make make_;
  Cost cost_;
  std::size_t max_cost_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::condition_variable room_;
  std::int64_t issued_;
  std::int64_t wanted_;
  std::int64_t depth_;
  std::vector<Result> results_;  ///< ticket t in place t modulo depth
  std::size_t held_ = 0;         ///< cost of the results not yet taken
  std::size_t running_ = 0;      ///< tickets being made
  std::size_t last_cost_ = 0;
  int idle_ = 0;
  bool waiting_ = false;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace mmi
