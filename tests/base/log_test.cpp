#include "mmi/base/log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace mmi {
namespace {

TEST(Log, LinesOfManyThreadsStayWhole) {
  testing::internal::CaptureStderr();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < 200; ++i) {
        // Its level may be changed meanwhile.
        log::set_level(i % 2 == 0 ? log::Level::kInfo : log::Level::kWarning);
        log::warning("thread {} line {} end", t, i);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  log::set_level(log::Level::kInfo);
  std::istringstream lines(testing::internal::GetCapturedStderr());
  int n = 0;
  for (std::string line; std::getline(lines, line); ++n) {
    EXPECT_NE(line.find("thread "), std::string::npos) << line;
    EXPECT_EQ(line.find("thread "), line.rfind("thread ")) << line;
    EXPECT_NE(line.find(" end"), std::string::npos) << line;
  }
  EXPECT_EQ(n, 800);
}

}  // namespace
}  // namespace mmi
