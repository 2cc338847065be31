#include "mmi/models/audeo/roll_picture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "mmi/base/errors.h"

namespace mmi::models::audeo {
namespace {

double lightness(io::Rgb c) {
  return 0.2126 * c.r + 0.7152 * c.g + 0.0722 * c.b;
}

TEST(ProbabilityColour, LightnessGrowsWithTheValue) {
  for (int i = 1; i <= 100; ++i) {
    EXPECT_GT(
        lightness(probability_colour(i / 100.0)), lightness(probability_colour((i - 1) / 100.0)))
        << i;
  }
  EXPECT_EQ(probability_colour(7), probability_colour(1));
  EXPECT_EQ(probability_colour(-1), probability_colour(0));
  EXPECT_EQ(probability_colour(std::nan("")), probability_colour(0));
}

#ifdef MMI_WITH_MEDIA

/// Pixels of exactly this colour below the head of the picture (where the legend is) and outside
/// of it.
int area(const io::Canvas& canvas, io::Rgb colour) {
  int found = 0;
  for (int y = 54; y < canvas.height(); ++y) {
    for (int x = 0; x < canvas.width(); ++x) {
      found += canvas.pixel(x, y) == colour;
    }
  }
  return found;
}

constexpr io::Rgb kHit{74, 158, 226};
constexpr io::Rgb kMiss{255, 212, 59};
constexpr io::Rgb kFalse{255, 92, 58};

TEST(RollPicture, HitsMissesAndFalseAlarmsHaveTheirOwnColours) {
  torch::Tensor roll = torch::zeros({10, 24});
  torch::Tensor truth = torch::zeros({10, 24});
  roll.index_put_({torch::arange(0, 4), torch::tensor(3)}, 0.9);   // 4 heard
  truth.index_put_({torch::arange(1, 6), torch::tensor(3)}, 1.0);  // 3 of them right, 2 missed
  const io::Canvas canvas = draw_rolls({{"a", roll, truth}}, 48, 10.0);
  const double cell = area(canvas, kHit) / 3.0;
  EXPECT_GT(cell, 100);
  EXPECT_NEAR(area(canvas, kMiss) / cell, 2, 0.1);
  EXPECT_NEAR(area(canvas, kFalse) / cell, 1, 0.1);
}

TEST(RollPicture, TheThresholdDecidesWhatCountsAsHeard) {
  const torch::Tensor roll = torch::full({10, 12}, 0.4);
  const torch::Tensor truth = torch::ones({10, 12});
  RollPictureOptions options;
  EXPECT_EQ(area(draw_rolls({{"a", roll, truth}}, 48, 10.0, options), kHit), 0);
  options.threshold = 0.4;
  EXPECT_EQ(area(draw_rolls({{"a", roll, truth}}, 48, 10.0, options), kMiss), 0);
}

TEST(RollPicture, OneShortFrameOfALongPieceStaysVisible) {
  torch::Tensor roll = torch::zeros({50'000, 12});
  roll[31'234][5] = 1.0;
  EXPECT_GT(area(draw_rolls({{"a", roll}}, 60, 25.0), probability_colour(1)), 0);
}

TEST(RollPicture, LowKeysAreBelowAndTimeRunsToTheRight) {
  const auto centre = [](std::int64_t frame, std::int64_t key) {
    torch::Tensor roll = torch::zeros({20, 12});
    roll[frame][key] = 1.0;
    const io::Canvas canvas = draw_rolls({{"a", roll}}, 60, 10.0);
    double x = 0;
    double y = 0;
    int found = 0;
    for (int row = 54; row < canvas.height(); ++row) {
      for (int column = 0; column < canvas.width(); ++column) {
        if (canvas.pixel(column, row) == probability_colour(1)) {
          x += column;
          y += row;
          ++found;
        }
      }
    }
    EXPECT_GT(found, 0);
    return std::pair(x / found, y / found);
  };
  EXPECT_GT(centre(3, 2).second, centre(3, 9).second);
  EXPECT_LT(centre(3, 2).first, centre(15, 2).first);
}

TEST(RollPicture, TheTimeRangeCutsTheRest) {
  torch::Tensor roll = torch::zeros({100, 12});
  roll[10].fill_(1.0);
  RollPictureOptions options;
  options.begin_s = 5;
  options.end_s = 8;
  EXPECT_EQ(area(draw_rolls({{"a", roll}}, 60, 10.0, options), probability_colour(1)), 0);
  options.begin_s = 0.5;
  EXPECT_GT(area(draw_rolls({{"a", roll}}, 60, 10.0, options), probability_colour(1)), 0);
}

TEST(RollPicture, ReadsAnyDtypeAndPanelsOfUnequalLength) {
  const torch::Tensor whole = torch::ones({10, 12}, torch::kBool);
  const torch::Tensor half = torch::rand({4, 12}, torch::kDouble);
  const io::Canvas two = draw_rolls({{"a", whole, whole.to(torch::kLong)}, {"b", half}}, 60, 10.0);
  const io::Canvas one = draw_rolls({{"a", whole}}, 60, 10.0);
  EXPECT_GT(two.height(), one.height() + 12 * 7);
}

#endif

TEST(RollPicture, WrongShapesAndEmptyRangesAreErrors) {
  const torch::Tensor roll = torch::zeros({10, 12});
  EXPECT_THROW(draw_rolls({}, 60, 10.0), ConfigError);
  EXPECT_THROW(draw_rolls({{"a", torch::Tensor()}}, 60, 10.0), ShapeError);
  EXPECT_THROW(draw_rolls({{"a", torch::zeros({10})}}, 60, 10.0), ShapeError);
  EXPECT_THROW(draw_rolls({{"a", roll, torch::zeros({9, 12})}}, 60, 10.0), ShapeError);
  EXPECT_THROW(draw_rolls({{"a", roll}, {"b", torch::zeros({10, 13})}}, 60, 10.0), ShapeError);
  EXPECT_THROW(draw_rolls({{"a", roll}}, 60, 0.0), ConfigError);
  RollPictureOptions options;
  options.end_s = 0;
  EXPECT_THROW(draw_rolls({{"a", roll}}, 60, 10.0, options), ConfigError);
}

}  // namespace
}  // namespace mmi::models::audeo
