#include "mmi/metrics/bootstrap.h"

#include <gtest/gtest.h>

#include <cmath>

#include "mmi/base/errors.h"

namespace mmi::metrics {
namespace {

TEST(PairedBootstrap, OfAConstantDifferenceHasNoWidth) {
  const auto interval = paired_bootstrap({0.5, 0.7, 0.1}, {0.25, 0.45, -0.15}, Rng(1));
  EXPECT_NEAR(interval.mean, 0.25, 1e-12);
  EXPECT_NEAR(interval.low, 0.25, 1e-12);
  EXPECT_NEAR(interval.high, 0.25, 1e-12);
  EXPECT_EQ(verdict(interval), Verdict::kHolds);
}

TEST(PairedBootstrap, ApproachesTheNormalIntervalForManyItems) {
  Rng draw(3);
  std::vector<double> a(400);
  std::vector<double> b(400);
  double sum = 0;
  double squares = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double piece = draw.normal(0, 10);  // shared difficulty cancels in pairs
    a[i] = piece + draw.normal(1, 1);
    b[i] = piece;
    sum += a[i] - b[i];
    squares += (a[i] - b[i]) * (a[i] - b[i]);
  }
  const double mean = sum / 400;
  const double standard_error = std::sqrt((squares / 400 - mean * mean) / 400);
  const auto interval = paired_bootstrap(a, b, Rng(4));
  EXPECT_NEAR(interval.mean, mean, 1e-9);
  EXPECT_NEAR(interval.low, mean - 1.96 * standard_error, 0.1 * standard_error);
  EXPECT_NEAR(interval.high, mean + 1.96 * standard_error, 0.1 * standard_error);
}

TEST(PairedBootstrap, DrawsItemsFirstAndRepeatsWithin) {
  // Two-level variance: items differ by +-1 (variance 1), repeats by +-2 within (variance 4).
  ItemScores a;
  ItemScores b;
  for (int item = 0; item < 100; ++item) {
    const double level = item % 2 == 0 ? 1 : -1;
    a.push_back({level - 2, level + 2, level - 2, level + 2});
    b.push_back({0, 0, 0, 0});
  }
  const auto interval = paired_bootstrap(a, b, Rng(5));
  const double expected = 1.96 * std::sqrt((1 + 4 / 4.0) / 100);
  EXPECT_NEAR(interval.mean, 0, 1e-12);
  EXPECT_NEAR(interval.high, expected, 0.1 * expected);
  EXPECT_NEAR(interval.low, -expected, 0.1 * expected);
  EXPECT_EQ(verdict(interval), Verdict::kUndecided);
}

TEST(PairedBootstrap, IsAFunctionOfTheSeed) {
  const std::vector<double> a{1, 4, 2, 8};
  const std::vector<double> b{2, 1, 5, 1};
  const auto first = paired_bootstrap(a, b, Rng(6));
  const auto again = paired_bootstrap(a, b, Rng(6));
  EXPECT_EQ(first.low, again.low);
  EXPECT_EQ(first.high, again.high);
}

TEST(PairedBootstrap, TurnsRoundWithItsArguments) {
  EXPECT_EQ(verdict(paired_bootstrap({1, 2, 3}, {2, 4, 6}, Rng(7))), Verdict::kFails);
  EXPECT_EQ(verdict(paired_bootstrap({2, 4, 6}, {1, 2, 3}, Rng(7))), Verdict::kHolds);
  EXPECT_EQ(to_string(Verdict::kUndecided), "undecided");
}

TEST(PairedBootstrap, RejectsUnpairedScores) {
  EXPECT_THROW(paired_bootstrap(std::vector<double>{}, {}, Rng(1)), ShapeError);
  EXPECT_THROW(paired_bootstrap({1, 2}, {1}, Rng(1)), ShapeError);
  EXPECT_THROW(paired_bootstrap(ItemScores{{1, 2}}, ItemScores{{1}}, Rng(1)), ShapeError);
  EXPECT_THROW(paired_bootstrap({1}, {1}, Rng(1), {.resamples = 0}), ConfigError);
}

}  // namespace
}  // namespace mmi::metrics
