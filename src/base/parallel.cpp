#include "mmi/base/parallel.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>

namespace mmi {
namespace {

using Work = std::function<void(std::int64_t)>;

thread_local bool inside = false;

/// One call, whose indices the caller and its helpers share.
class Job {
 public:
  Job(std::int64_t count, const Work& work) : count_(count), work_(work) {}

  void run() {
    inside = true;
    try {
      for (std::int64_t i = next_++; i < count_; i = next_++) {
        work_(i);
      }
    } catch (...) {
      next_ = count_;
      const std::lock_guard<std::mutex> guard(lock_);
      failure_ = failure_ ? failure_ : std::current_exception();
    }
    inside = false;
  }

  void throw_again() const {
    if (failure_) {
      std::rethrow_exception(failure_);
    }
  }

  int helpers = 0;  ///< at work, counted by the pool

 private:
  std::int64_t count_;
  const Work& work_;
  std::atomic<std::int64_t> next_{0};
  std::exception_ptr failure_;
  std::mutex lock_;
};

/// Threads that stay, for calls of a tenth of a millisecond too. A call invites as many as it
/// wants; those that are busy until its caller is done are not waited for.
class Pool {
 public:
  /// Never destroyed: its threads wait on it until the process ends. A forked process, which has
  /// none of them, begins anew.
  static Pool& instance() {
    static Pool* pool = nullptr;
    static std::once_flag once;
    std::call_once(once, [] {
      pool = new Pool;
      pthread_atfork(nullptr, nullptr, [] { pool = new Pool; });
    });
    return *pool;
  }

  void run(Job& job, int helpers) {
    {
      const std::lock_guard<std::mutex> guard(lock_);
      grow(helpers);
      invited_.insert(invited_.end(), static_cast<std::size_t>(helpers), &job);
      open_ = true;
    }
    wake_.notify_all();
    job.run();
    std::unique_lock<std::mutex> guard(lock_);
    std::erase(invited_, &job);
    open_ = !invited_.empty();
    done_.wait(guard, [&] { return job.helpers == 0; });
  }

 private:
  void grow(int threads) {
    try {
      for (; threads_ < threads; ++threads_) {
        std::thread([this] { serve(); }).detach();
      }
    } catch (const std::system_error&) {  // no more to be had: those that there are do it
    }
  }

  /// Until there is work, for as long as waking takes: a step of generation has a call every tenth
  /// of a millisecond, and is 1.1 times as fast so.
  void stay_awake() const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(50);
    while (!open_ && std::chrono::steady_clock::now() < end) {
      std::this_thread::yield();
    }
  }

  [[noreturn]] void serve() {
    std::unique_lock<std::mutex> guard(lock_);
    for (;;) {
      guard.unlock();
      stay_awake();
      guard.lock();
      wake_.wait(guard, [&] { return !invited_.empty(); });
      Job& job = *invited_.front();
      invited_.pop_front();
      open_ = !invited_.empty();
      ++job.helpers;
      guard.unlock();
      job.run();
      guard.lock();
      --job.helpers;
      done_.notify_all();
    }
  }

  std::mutex lock_;
  std::condition_variable wake_, done_;
  std::deque<Job*> invited_;
  std::atomic<bool> open_ = false;  // whether any are invited
  int threads_ = 0;
};

}  // namespace

void parallel_for(std::int64_t count, int threads, const Work& work) {
  const auto helpers = static_cast<int>(std::min<std::int64_t>(threads, count)) - 1;
  if (inside || helpers < 1) {
    for (std::int64_t i = 0; i < count; ++i) {
      work(i);
    }
    return;
  }
  Job job(count, work);
  Pool::instance().run(job, helpers);
  job.throw_again();
}

}  // namespace mmi
