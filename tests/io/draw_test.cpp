#include "mmi/io/draw.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "mmi/base/errors.h"

namespace mmi::io {
namespace {

constexpr Rgb kWhite{255, 255, 255};
constexpr Rgb kBlue{0, 0, 255};

TEST(Canvas, StartsInItsBackgroundWithThreeBytesAPixel) {
  const Canvas canvas(3, 2, kBlue);
  EXPECT_EQ(canvas.image().data.size(), 18u);
  EXPECT_EQ(canvas.pixel(2, 1), kBlue);
  EXPECT_THROW(canvas.pixel(3, 0), ConfigError);
  EXPECT_THROW(Canvas(0, 5), ConfigError);
  EXPECT_THROW(Canvas(5, 40'000), ConfigError);
}

TEST(Canvas, RectanglesAreCutAtTheBorder) {
  Canvas canvas(4, 4);
  canvas.fill(-5, 2, 7, 9, kBlue);
  for (int y = 0; y < 4; ++y) {
    for (int x = 0; x < 4; ++x) {
      EXPECT_EQ(canvas.pixel(x, y), x < 2 && y >= 2 ? kBlue : kWhite) << x << "," << y;
    }
  }
  canvas.fill(9, 9, 2, 2, kBlue);
  EXPECT_EQ(canvas.pixel(3, 3), kWhite);
}

TEST(Canvas, OpacityMixesTheColours) {
  Canvas canvas(1, 1, {0, 0, 0});
  canvas.fill(0, 0, 1, 1, {200, 100, 50}, 0.5);
  EXPECT_EQ(canvas.pixel(0, 0), (Rgb{100, 50, 25}));
}

TEST(Canvas, OutlinesLeaveTheInsideAlone) {
  Canvas canvas(5, 5);
  canvas.outline(0, 0, 5, 5, kBlue);
  EXPECT_EQ(canvas.pixel(0, 4), kBlue);
  EXPECT_EQ(canvas.pixel(4, 2), kBlue);
  EXPECT_EQ(canvas.pixel(2, 2), kWhite);
}

#ifdef MMI_WITH_MEDIA

/// Columns that hold something: first and one past the last.
std::pair<int, int> inked(const Canvas& canvas) {
  int first = canvas.width();
  int last = 0;
  for (int y = 0; y < canvas.height(); ++y) {
    for (int x = 0; x < canvas.width(); ++x) {
      if (!(canvas.pixel(x, y) == kWhite)) {
        first = std::min(first, x);
        last = std::max(last, x + 1);
      }
    }
  }
  return {first, last};
}

TEST(Canvas, TextStandsWhereItsAlignmentSays) {
  const std::string words = "Piano roll";
  const int width = Canvas::text_width(words, 20);
  const auto drawn = [&](Align align) {
    Canvas canvas(400, 40);
    canvas.text(200, 28, words, kBlue, 20, align);
    return inked(canvas);
  };
  const auto left = drawn(Align::kLeft);
  EXPECT_NEAR(left.first, 200, 4);
  EXPECT_NEAR(left.second - left.first, width, 5);
  EXPECT_NEAR(drawn(Align::kRight).second, 200, 4);
  const auto center = drawn(Align::kCenter);
  EXPECT_NEAR((center.first + center.second) / 2.0, 200, 4);
}

TEST(Canvas, TextIsAntialiasedAndGrowsWithItsSize) {
  Canvas canvas(100, 40);
  canvas.text(5, 30, "Oo", {0, 0, 0}, 20);
  int between = 0;
  for (const std::uint8_t byte : canvas.image().data) {
    between += byte > 20 && byte < 235;
  }
  EXPECT_GT(between, 50);
  EXPECT_NEAR(Canvas::text_width("piano", 40), 2 * Canvas::text_width("piano", 20), 4);
}

TEST(Canvas, OtherCharactersBecomeOneQuestionMarkEach) {
  EXPECT_EQ(Canvas::text_width("a\u00e9\u4e16", 20), Canvas::text_width("a??", 20));
}

TEST(Canvas, TextBeyondTheBorderIsCut) {
  Canvas canvas(10, 10);
  canvas.text(-30, 200, "far away", kBlue, 20);
  canvas.text(5, 8, "half", kBlue, 20);
  EXPECT_EQ(canvas.image().data.size(), 300u);
}

TEST(Canvas, LinesRunBetweenTheirEnds) {
  Canvas canvas(21, 21);
  canvas.line(2, 2, 18, 18, kBlue, 3);
  EXPECT_EQ(canvas.pixel(10, 10), kBlue);
  EXPECT_EQ(canvas.pixel(18, 2), kWhite);
}

TEST(Canvas, PngFilesHaveTheirSizeInTheHeader) {
  const auto png = encode_image(Canvas(300, 7, kBlue).image(), ".png");
  const std::vector<std::uint8_t> magic = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  ASSERT_GT(png.size(), 24u);
  EXPECT_TRUE(std::equal(magic.begin(), magic.end(), png.begin()));
  EXPECT_EQ(png[18] * 256 + png[19], 300);
  EXPECT_EQ(png[23], 7);
  EXPECT_THROW(Canvas(1, 1).save_png("/no/such/folder/a.png"), DataError);
}

#else

TEST(Canvas, TextNeedsABuildWithMedia) {
  Canvas canvas(4, 4);
  EXPECT_THROW(canvas.text(0, 3, "a", kBlue, 10), NotBuiltError);
  EXPECT_THROW(canvas.save_png("a.png"), NotBuiltError);
}

#endif

}  // namespace
}  // namespace mmi::io
