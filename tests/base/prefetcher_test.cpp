#include "mmi/base/prefetcher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

namespace mmi {
namespace {

TEST(Prefetcher, DeliversInOrderWithAnyNumberOfWorkers) {
  for (const int workers : {0, 1, 3}) {
    Prefetcher<std::int64_t> source(
        [](std::int64_t ticket) {
          if (ticket % 5 == 0) {
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
          }
          return ticket * ticket;
        },
        7,
        workers,
        4);
    for (std::int64_t i = 7; i < 60; ++i) {
      ASSERT_EQ(source.next(), i * i);
    }
  }
}

TEST(Prefetcher, StaysWithinItsDepth) {
  std::atomic<std::int64_t> highest{0};
  Prefetcher<int> source(
      [&](std::int64_t ticket) {
        highest = std::max<std::int64_t>(highest, ticket);
        return 0;
      },
      0,
      2,
      3);
  source.next();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_LE(highest, 3);
}

TEST(Prefetcher, StaysWithinItsCostButAlwaysMakesTheWantedResult) {
  std::atomic<std::int64_t> highest{0};
  Prefetcher<int> source(
      [&](std::int64_t ticket) {
        highest = std::max<std::int64_t>(highest, ticket);
        return ticket == 20 ? 1000 : 10;
      },
      0,
      2,
      64,
      [](int made) { return static_cast<std::size_t>(made); },
      45);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(source.next(), 10);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_LE(highest, 9 + 6);  // four of cost 10, and one a worker begun before a cost was known
  EXPECT_GE(highest, 9 + 2);
  for (int i = 10; i < 60; ++i) {
    EXPECT_EQ(source.next(), i == 20 ? 1000 : 10);
  }
}

TEST(Prefetcher, ErrorsSurfaceAtTheirTicketAndTheNextOnesStillCome) {
  Prefetcher<std::int64_t> source(
      [](std::int64_t ticket) {
        if (ticket == 2) {
          throw std::runtime_error("two");
        }
        return ticket;
      },
      0,
      2,
      4);
  EXPECT_EQ(source.next(), 0);
  EXPECT_EQ(source.next(), 1);
  EXPECT_THROW(source.next(), std::runtime_error);
  EXPECT_EQ(source.next(), 3);
}

TEST(Prefetcher, ManyWorkersWithErrorsAndEarlyEndsLoseNothing) {
  // For ThreadSanitizer above all: destruction while workers compute, wait for room or throw.
  std::atomic<std::int64_t> alive{0};

  struct Counted {
    explicit Counted(std::atomic<std::int64_t>& counter, std::int64_t number)
        : counter_(&counter), value(number) {
      ++*counter_;
    }

    Counted(Counted&& other) noexcept : counter_(other.counter_), value(other.value) {
      ++*counter_;
    }

    Counted& operator=(Counted&& other) noexcept {
      std::swap(counter_, other.counter_);
      std::swap(value, other.value);
      return *this;
    }

    Counted(const Counted&) = delete;

    ~Counted() {
      --*counter_;
    }

    std::atomic<std::int64_t>* counter_;
    std::int64_t value;
  };

  for (int round = 0; round < 60; ++round) {
    const int workers = 1 + round % 6;
    const int depth = 1 + round % 9;
    const int taken = (round * 7) % 40;
    Prefetcher<Counted> source(
        [&](std::int64_t ticket) {
          if (ticket % 11 == 3) {
            throw std::runtime_error(std::to_string(ticket));
          }
          if (ticket % 5 == round % 5) {
            std::this_thread::sleep_for(std::chrono::microseconds(200));
          }
          return Counted(alive, ticket);
        },
        0,
        workers,
        depth);
    for (std::int64_t ticket = 0; ticket < taken; ++ticket) {
      try {
        ASSERT_EQ(source.next().value, ticket);
        ASSERT_NE(ticket % 11, 3);
      } catch (const std::runtime_error& error) {
        ASSERT_EQ(error.what(), std::to_string(ticket));
      }
    }
  }
  EXPECT_EQ(alive, 0);
}

}  // namespace
}  // namespace mmi
