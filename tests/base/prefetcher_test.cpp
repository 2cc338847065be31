#include "mmi/base/prefetcher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>

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

}  // namespace
}  // namespace mmi
