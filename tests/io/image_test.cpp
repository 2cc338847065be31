#include "mmi/io/image.h"

#include <cmath>

#include "helpers.h"
#include "mmi/base/files.h"
#include "mmi/base/rng.h"
#include "mmi/io/npy.h"

namespace mmi::io {
namespace {

class Picture : public test::InFolder {};

#ifdef MMI_WITH_MEDIA
Image noise(int height, int width, int channels) {
  Rng rng(8);
  Image image{height, width, channels, {}};
  for (int i = 0; i < height * width * channels; ++i) {
    image.data.push_back(static_cast<std::uint8_t>(rng.integer(256)));
  }
  return image;
}

TEST_F(Picture, PngEqualsPil) {
  const Image rgb = read_image(test::data("rgb.png"));
  EXPECT_EQ(rgb.height, 20);
  EXPECT_EQ(rgb.width, 30);
  EXPECT_EQ(rgb.channels, 3);
  EXPECT_EQ(rgb.data, read_npy(test::data("rgb.png.npy")).bytes);
  const Image gray = read_image(test::data("rgb.png"), Color::kGray);
  EXPECT_EQ(gray.channels, 1);
  EXPECT_EQ(gray.data, read_npy(test::data("gray.png.npy")).bytes);
  EXPECT_EQ(read_image(test::data("gray.png"), Color::kGray), gray);
  EXPECT_EQ(to_gray(rgb), gray);
}

TEST_F(Picture, PngIsLosslessAndJpegNearlySo) {
  for (const int channels : {1, 3}) {
    const Image image = resize_area(noise(4, 6, channels), 40, 60);
    const Color color = channels == 1 ? Color::kGray : Color::kRgb;
    write_image(file("a.PNG"), image);
    EXPECT_EQ(read_image(file("a.PNG"), color), image);
    write_image(file("a.jpg"), image, 95);
    const Image jpeg = read_image(file("a.jpg"), color);
    double sum = 0;
    for (std::size_t i = 0; i < image.data.size(); ++i) {
      sum += std::abs(static_cast<int>(image.data[i]) - jpeg.data[i]);
    }
    EXPECT_LT(sum / static_cast<double>(image.data.size()), 4);
    EXPECT_LT(encode_image(image, ".jpg", 10).size(), encode_image(image, ".jpg", 95).size());
  }
}

TEST_F(Picture, ShrinkingIsTheMeanOverTheCoveredArea) {
  // 5 pixels to 2: each covers 2.5.
  const float from[] = {1, 2, 3, 4, 5};
  float to[2] = {};
  resize_area(from, 1, 5, 1, to, 1, 2);
  EXPECT_NEAR(to[0], (1 + 2 + 0.5 * 3) / 2.5, 1e-5);
  EXPECT_NEAR(to[1], (0.5 * 3 + 4 + 5) / 2.5, 1e-5);
}

TEST_F(Picture, ShrinkingBySevenKeepsTheMean) {
  const Image image = noise(70, 63, 1);
  const Image small = resize_area(image, 10, 9);
  for (int y = 0; y < 10; ++y) {
    for (int x = 0; x < 9; ++x) {
      double mean = 0;
      for (int i = 0; i < 49; ++i) {
        mean += image.data[static_cast<std::size_t>((7 * y + i / 7) * 63 + 7 * x + i % 7)] / 49.0;
      }
      EXPECT_NEAR(small.data[static_cast<std::size_t>(y * 9 + x)], mean, 0.51);
    }
  }
}

TEST_F(Picture, GrayBytesShrinkToTheAreaMeanOfAnySize) {
  const int sizes[][4] = {{720, 1280, 100, 900}, {640, 7, 2, 7}, {9, 11, 9, 10}, {5, 300, 1, 1}};
  for (const auto& [height, width, to_height, to_width] : sizes) {
    const Image image = noise(height, width, 1);
    const std::vector<float> floats(image.data.begin(), image.data.end());
    std::vector<float> mean(static_cast<std::size_t>(to_height * to_width));
    resize_area(floats.data(), height, width, 1, mean.data(), to_height, to_width);
    const Image small = resize_area(image, to_height, to_width);
    for (std::size_t i = 0; i < mean.size(); ++i) {
      ASSERT_NEAR(small.data[i], mean[i], 0.505) << height << " x " << width << ", " << i;
    }
  }
}

TEST_F(Picture, GrayFilesAreTheSameInEitherColor) {
  const Image image = resize_area(noise(4, 6, 1), 40, 60);
  for (const char* name : {"a.jpg", "a.png"}) {
    write_image(file(name), image);
    EXPECT_EQ(read_image(file(name), Color::kGray), to_gray(read_image(file(name)))) << name;
  }
}

TEST_F(Picture, GrowingIsLinear) {
  const float from[] = {0, 4};
  float to[4] = {};
  resize_area(from, 1, 2, 1, to, 1, 4);
  EXPECT_FLOAT_EQ(to[0], 0);
  EXPECT_FLOAT_EQ(to[1], 1);
  EXPECT_FLOAT_EQ(to[2], 3);
  EXPECT_FLOAT_EQ(to[3], 4);
}

TEST_F(Picture, OneAxisShrinksWhileTheOtherGrows) {
  const float from[] = {0, 4, 2, 6, 8, 0, 0, 2};  // 4 x 2 to 2 x 4
  float to[8] = {};
  resize_area(from, 4, 2, 1, to, 2, 4);
  const float expected[] = {1, 2, 4, 5, 4, 3.25, 1.75, 1};
  for (int i = 0; i < 8; ++i) {
    EXPECT_FLOAT_EQ(to[i], expected[i]) << i;
  }
}

TEST_F(Picture, BytesAndFloatsAgree) {
  const Image image = noise(33, 47, 3);
  const std::vector<float> as_float(image.data.begin(), image.data.end());
  for (const auto& [height, width] : {std::pair(10, 20), std::pair(33, 47), std::pair(50, 20)}) {
    const Image bytes = resize_area(image, height, width);
    std::vector<float> floats(bytes.data.size());
    resize_area(as_float.data(), 33, 47, 3, floats.data(), height, width);
    for (std::size_t i = 0; i < floats.size(); ++i) {
      ASSERT_NEAR(bytes.data[i], floats[i], 1.3) << height << "x" << width;
    }
  }
}

TEST_F(Picture, FaultyImages) {
  atomic_write(file("text.png"), std::string_view("hello"));
  EXPECT_ERROR(read_image(file("text.png")), DataError, "text.png is not an image");
  EXPECT_ERROR(read_image(file("none.png")), DataError, "does not exist");
  auto bytes = read_bytes(test::data("rgb.png"));
  const std::uint8_t huge[] = {0x7F, 0xFF, 0xFF, 0xFF};
  std::copy(std::begin(huge), std::end(huge), bytes.begin() + 16);
  EXPECT_ERROR(decode_image(bytes, "huge.png"), DataError, "exceeds the limit of 64 Mi pixels");
  EXPECT_ERROR(write_image(file("a"), noise(2, 2, 1)), ConfigError, "has no suffix");
  EXPECT_ERROR(write_image(file("a.txt"), noise(2, 2, 1)), ConfigError, "'.txt'");
  EXPECT_ERROR(write_image(file("a.png"), {2, 2, 1, {0}}), ShapeError, "cannot have 1 bytes");
  EXPECT_ERROR(write_image(file("a.jpg"), noise(2, 2, 1), 0), ConfigError, "jpeg_quality");
  EXPECT_ERROR(resize_area(noise(2, 2, 1), 0, 3), ShapeError, "cannot resize");
}
#else
TEST_F(Picture, WithoutMediaTheOptionIsNamed) {
  const std::uint8_t from[1] = {};
  std::uint8_t to[1] = {};
  EXPECT_ERROR(read_image(test::data("rgb.png")), NotBuiltError, "-DMMI_MEDIA=ON");
  EXPECT_ERROR(write_image(file("a.png"), {1, 1, 1, {0}}), NotBuiltError, "-DMMI_MEDIA=ON");
  EXPECT_ERROR(resize_area(from, 1, 1, 1, to, 1, 1), NotBuiltError, "-DMMI_MEDIA=ON");
}
#endif

}  // namespace
}  // namespace mmi::io
