#include "mmi/io/draw.h"

#include <algorithm>
#include <cmath>

#include "mmi/base/errors.h"

#ifdef MMI_WITH_MEDIA
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#endif

namespace mmi::io {
namespace {

constexpr int kMostPixels = 32768;

#ifdef MMI_WITH_MEDIA

// Stroke fonts have coarse steps at small sizes: text is drawn this many times larger and averaged.
constexpr int kOversampling = 4;
// Height of FONT_HERSHEY_SIMPLEX at scale 1, ascender to descender.
constexpr double kFontPixels = 30;

struct Font {
  double scale;
  int thickness;
};

Font font_of(double size, bool bold) {
  const double large = size * kOversampling;
  const double stroke = large * (bold ? 0.105 : 0.068);
  return {large / kFontPixels, std::max(1, static_cast<int>(std::lround(stroke)))};
}

std::string printable(const std::string& words) {
  std::string out;
  for (const char c : words) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 32 && byte < 127) {
      out += c;
    } else if ((byte & 0xC0) != 0x80) {
      out += '?';  // one for a whole character
    }
  }
  return out;
}

cv::Size large_size(const std::string& words, const Font& font) {
  int below = 0;
  return cv::getTextSize(words, cv::FONT_HERSHEY_SIMPLEX, font.scale, font.thickness, &below);
}

#else

[[noreturn]] void refuse(const char* what) {
  throw NotBuiltError(std::string(what) + " needs a build with media: configure with MMI_MEDIA=ON");
}

#endif

}  // namespace

Rgb mix(Rgb a, Rgb b, double part) {
  const auto channel = [part](std::uint8_t from, std::uint8_t to) {
    return static_cast<std::uint8_t>(std::lround(from + (to - from) * part));
  };
  return {channel(a.r, b.r), channel(a.g, b.g), channel(a.b, b.b)};
}

Canvas::Canvas(int width, int height, Rgb background) {
  MMI_CHECK(
      ConfigError,
      width >= 1 && height >= 1 && width <= kMostPixels && height <= kMostPixels,
      "a picture has sides of 1 to {} pixels, but is {} x {}: choose a smaller part",
      kMostPixels,
      width,
      height);
  image_ = {
      height, width, 3, std::vector<std::uint8_t>(static_cast<std::size_t>(width) * height * 3)};
  fill(0, 0, width, height, background);
}

Rgb Canvas::pixel(int x, int y) const {
  MMI_CHECK(
      ConfigError,
      x >= 0 && y >= 0 && x < image_.width && y < image_.height,
      "pixel ({}, {}) is outside of a picture of {} x {}",
      x,
      y,
      image_.width,
      image_.height);
  const std::uint8_t* at =
      image_.data.data() + 3 * (static_cast<std::size_t>(y) * image_.width + x);
  return {at[0], at[1], at[2]};
}

void Canvas::fill(int x, int y, int width, int height, Rgb colour, double opacity) {
  const int right = std::min(x + width, image_.width);
  const int bottom = std::min(y + height, image_.height);
  for (int row = std::max(y, 0); row < bottom; ++row) {
    for (int column = std::max(x, 0); column < right; ++column) {
      set(column, row, opacity >= 1 ? colour : mix(pixel(column, row), colour, opacity));
    }
  }
}

void Canvas::outline(int x, int y, int width, int height, Rgb colour, int thickness) {
  fill(x, y, width, thickness, colour);
  fill(x, y + height - thickness, width, thickness, colour);
  fill(x, y, thickness, height, colour);
  fill(x + width - thickness, y, thickness, height, colour);
}

#ifdef MMI_WITH_MEDIA

void Canvas::line(double x1, double y1, double x2, double y2, Rgb colour, double thickness) {
  constexpr int kShift = 4;
  const auto fixed = [](double value) {
    return static_cast<int>(std::lround(value * (1 << kShift)));
  };
  cv::Mat view(image_.height, image_.width, CV_8UC3, image_.data.data());
  cv::line(
      view,
      {fixed(x1), fixed(y1)},
      {fixed(x2), fixed(y2)},
      cv::Scalar(colour.r, colour.g, colour.b),
      std::max(1, static_cast<int>(std::lround(thickness))),
      cv::LINE_AA,
      kShift);
}

void Canvas::text(
    int x,
    int baseline,
    const std::string& words,
    Rgb colour,
    double size,
    Align align,
    bool bold) {
  const std::string shown = printable(words);
  if (shown.empty()) {
    return;
  }
  const Font font = font_of(size, bold);
  const int border = font.thickness + kOversampling;
  const cv::Size needed = large_size(shown, font);
  const auto up = [](int value) { return (value + kOversampling - 1) / kOversampling; };
  const int columns = up(needed.width + 2 * border);
  const int above = up(needed.height + border);
  const int below = up(static_cast<int>(size * kOversampling * 0.35) + border);
  cv::Mat large = cv::Mat::zeros((above + below) * kOversampling, columns * kOversampling, CV_8UC1);
  cv::putText(
      large,
      shown,
      {border, above * kOversampling},
      cv::FONT_HERSHEY_SIMPLEX,
      font.scale,
      cv::Scalar(255),
      font.thickness,
      cv::LINE_AA);
  cv::Mat cover;
  cv::resize(large, cover, {columns, above + below}, 0, 0, cv::INTER_AREA);
  const int width = text_width(words, size, bold);
  const int shift = align == Align::kLeft ? 0 : align == Align::kCenter ? width / 2 : width;
  const int left = x - shift - border / kOversampling;
  for (int row = 0; row < cover.rows; ++row) {
    for (int column = 0; column < cover.cols; ++column) {
      const double part = cover.at<std::uint8_t>(row, column) / 255.0;
      if (part > 0) {
        fill(left + column, baseline - above + row, 1, 1, colour, part);
      }
    }
  }
}

int Canvas::text_width(const std::string& words, double size, bool bold) {
  const cv::Size large = large_size(printable(words), font_of(size, bold));
  return (large.width + kOversampling - 1) / kOversampling;
}

#else

void Canvas::line(double, double, double, double, Rgb, double) {
  refuse("drawing lines");
}

void Canvas::text(int, int, const std::string&, Rgb, double, Align, bool) {
  refuse("drawing text");
}

int Canvas::text_width(const std::string&, double, bool) {
  refuse("drawing text");
}

#endif

}  // namespace mmi::io
