#include "train/spike.h"

#include <gtest/gtest.h>

#include <cmath>

namespace mmi::train {
namespace {

TEST(Spike, AnOutlierOfTheLast128ValuesIsFar) {
  SpikeDetector detector;
  for (int i = 0; i < 128; ++i) {
    EXPECT_EQ(detector.score(std::sin(i)), 0) << "too few values to judge by";
  }
  EXPECT_LT(detector.score(1), 2);
  EXPECT_GT(detector.score(20), 6);
  // The outlier itself is now among the last values.
  EXPECT_LT(detector.score(20), 12);
}

TEST(Spike, EqualValuesHaveNoOutlier) {
  SpikeDetector detector;
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(detector.score(3), 0);
  }
}

}  // namespace
}  // namespace mmi::train
