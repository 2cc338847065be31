#include "mmi/base/parallel.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

namespace mmi {
namespace {

TEST(ParallelFor, CallsEachIndexOnce) {
  for (const int threads : {1, 2, 7}) {
    std::vector<std::atomic<int>> calls(100);
    parallel_for(100, threads, [&](std::int64_t i) { ++calls[static_cast<std::size_t>(i)]; });
    for (const auto& count : calls) {
      EXPECT_EQ(count, 1);
    }
  }
  parallel_for(0, 4, [](std::int64_t) { FAIL(); });
}

TEST(ParallelFor, RunsOnSeveralThreadsAtOnce) {
  // Each waits for the other: one thread alone would never end.
  std::atomic<int> arrived{0};
  parallel_for(2, 2, [&](std::int64_t) {
    ++arrived;
    while (arrived < 2) {
      std::this_thread::yield();
    }
  });
  EXPECT_EQ(arrived, 2);
}

TEST(ParallelFor, InsideOfAnotherItStaysOnItsThread) {
  std::atomic<int> strangers{0};
  parallel_for(2, 2, [&](std::int64_t) {
    const auto mine = std::this_thread::get_id();
    parallel_for(8, 4, [&](std::int64_t) { strangers += std::this_thread::get_id() != mine; });
  });
  EXPECT_EQ(strangers, 0);
}

TEST(ParallelFor, ThrowsTheFirstExceptionAndCanBeUsedAgain) {
  EXPECT_THROW(
      parallel_for(
          50,
          3,
          [](std::int64_t i) {
            if (i == 7) {
              throw std::runtime_error("seven");
            }
          }),
      std::runtime_error);
  std::atomic<int> calls{0};
  parallel_for(10, 3, [&](std::int64_t) { ++calls; });
  EXPECT_EQ(calls, 10);
}

TEST(ParallelFor, CallsFromSeveralThreadsShareTheHelpers) {
  std::atomic<int> calls{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        parallel_for(5, 3, [&](std::int64_t) { ++calls; });
      }
    });
  }
  for (std::thread& caller : callers) {
    caller.join();
  }
  EXPECT_EQ(calls, 4 * 200 * 5);
}

TEST(ParallelFor, WorksInAForkedProcess) {
#ifdef __has_feature
#if __has_feature(thread_sanitizer)
  GTEST_SKIP() << "the thread sanitizer follows no fork";
#endif
#endif
  parallel_for(2, 2, [](std::int64_t) {});  // the parent's threads are there
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::atomic<int> arrived{0};
    parallel_for(2, 2, [&](std::int64_t) {
      ++arrived;
      while (arrived < 2) {
        std::this_thread::yield();
      }
    });
    _exit(arrived == 2 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace mmi
