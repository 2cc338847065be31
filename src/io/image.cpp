#include "mmi/io/image.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <utility>
#include <vector>

#include "io/media.h"
#include "mmi/base/errors.h"
#include "mmi/base/files.h"

#ifdef MMI_WITH_MEDIA
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "io/pixels.h"
#endif

namespace mmi::io {
namespace {

void check_sizes(int from_height, int from_width, int channels, int height, int width) {
  MMI_CHECK(
      ShapeError,
      from_height > 0 && from_width > 0 && height > 0 && width > 0 && channels >= 1 &&
          channels <= 4,
      "cannot resize an image of {} x {} x {} to {} x {}",
      from_height,
      from_width,
      channels,
      height,
      width);
}

void check_image(const Image& image) {
  MMI_CHECK(
      ShapeError,
      image.height > 0 && image.width > 0 && (image.channels == 1 || image.channels == 3) &&
          image.data.size() == static_cast<std::size_t>(image.height) *
                                   static_cast<std::size_t>(image.width) *
                                   static_cast<std::size_t>(image.channels),
      "an image of {} x {} x {} cannot have {} bytes (1 or 3 channels are known)",
      image.height,
      image.width,
      image.channels,
      image.data.size());
}

}  // namespace

#ifdef MMI_WITH_MEDIA
namespace {

cv::Mat view(const Image& image) {
  check_image(image);
  return cv::Mat(
      image.height,
      image.width,
      CV_MAKETYPE(CV_8U, image.channels),
      const_cast<std::uint8_t*>(image.data.data()));
}

Image image_of(int height, int width, int channels) {
  Image image{height, width, channels, {}};
  image.data.resize(
      static_cast<std::size_t>(height) * static_cast<std::size_t>(width) *
      static_cast<std::size_t>(channels));
  return image;
}

/// Checks the size that a png or jpeg declares, before its decoder allocates it; true when the file
/// holds nothing but gray.
bool check_declared_size(std::span<const std::uint8_t> b, const std::string& name) {
  const auto big = [&](std::size_t at, int n) {
    std::int64_t value = 0;
    for (int i = 0; i < n; ++i) {
      value = (value << 8) | b[at + static_cast<std::size_t>(i)];
    }
    return value;
  };
  std::int64_t width = 0;
  std::int64_t height = 0;
  bool gray = false;
  if (b.size() >= 26 && b[0] == 0x89 && b[1] == 'P') {
    width = big(16, 4);
    height = big(20, 4);
    gray = b[24] <= 8 && b[25] == 0;
  } else if (b.size() >= 4 && b[0] == 0xFF && b[1] == 0xD8) {
    for (std::size_t at = 2; at + 10 <= b.size() && b[at] == 0xFF;) {
      const int marker = b[at + 1];
      if (marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC) {
        height = big(at + 5, 2);
        width = big(at + 7, 2);
        gray = b[at + 9] == 1;
        break;
      }
      at += marker == 0xFF ? 1 : 2 + static_cast<std::size_t>(big(at + 2, 2));
    }
  }
  MMI_CHECK(
      DataError,
      width <= 65535 && height <= 65535 && width * height <= kMaxPixels,
      "{}: an image of {} x {} pixels exceeds the limit of 64 Mi pixels",
      name,
      width,
      height);
  return gray;
}

template <class T>
void resize_raw(
    const T* from,
    int from_height,
    int from_width,
    int channels,
    T* to,
    int height,
    int width,
    int depth) {
  check_sizes(from_height, from_width, channels, height, width);
  const int type = CV_MAKETYPE(depth, channels);
  const cv::Mat source(from_height, from_width, type, const_cast<T*>(from));
  cv::Mat target(height, width, type, to);
  resize_area(source, target);
}

/// One output pixel or row of an area mean: source positions first .. last, of which the inner
/// ones count whole.
struct Span {
  int first;
  int last;
  float first_weight;
  float last_weight;  ///< 0 when first == last
};

std::vector<Span> area_spans(int from, int to) {
  std::vector<Span> spans(static_cast<std::size_t>(to));
  const double scale = static_cast<double>(from) / to;
  for (int i = 0; i < to; ++i) {
    const double begin = i * scale;
    const double end = std::min<double>(from, (i + 1) * scale);
    const int first = std::min(from - 1, static_cast<int>(begin + 1e-9));
    const int last = std::clamp(static_cast<int>(std::ceil(end - 1e-9)) - 1, first, from - 1);
    const double whole = end - begin;
    spans[static_cast<std::size_t>(i)] = {
        first,
        last,
        static_cast<float>(first == last ? 1.0 : (first + 1 - begin) / whole),
        static_cast<float>(first == last ? 0.0 : (end - last) / whole)};
  }
  return spans;
}

}  // namespace

void shrink_gray(const cv::Mat& from, bool expand, cv::Mat& to) {
  const std::vector<Span> rows = area_spans(from.rows, to.rows);
  const std::vector<Span> columns = area_spans(from.cols, to.cols);
  const auto width = static_cast<std::size_t>(from.cols);
  const float whole_row = static_cast<float>(to.rows) / static_cast<float>(from.rows);
  const float whole_column = static_cast<float>(to.cols) / static_cast<float>(from.cols);
  // Limited range is 16 .. 235. Stretching is linear, so it can wait until the mean is known.
  const std::uint8_t low = expand ? 16 : 0;
  const std::uint8_t high = expand ? 235 : 255;
  const float gain = 255.0F / static_cast<float>(high - low);
  std::vector<std::uint16_t> inner(width);
  std::vector<float> mean(width);
  for (int y = 0; y < to.rows; ++y) {
    const Span& span = rows[static_cast<std::size_t>(y)];
    const auto add = [&](int row, float weight) {
      const std::uint8_t* in = from.ptr<std::uint8_t>(row);
      for (std::size_t x = 0; x < width; ++x) {
        mean[x] += weight * static_cast<float>(std::max(low, std::min(high, in[x])));
      }
    };
    std::fill(mean.begin(), mean.end(), 0.0F);
    add(span.first, span.first_weight);
    // 256 rows of bytes fit into 16 bits.
    for (int row = span.first + 1; row < span.last; row += 256) {
      std::fill(inner.begin(), inner.end(), std::uint16_t{0});
      for (int r = row; r < std::min(span.last, row + 256); ++r) {
        const std::uint8_t* in = from.ptr<std::uint8_t>(r);
        for (std::size_t x = 0; x < width; ++x) {
          inner[x] = static_cast<std::uint16_t>(inner[x] + std::max(low, std::min(high, in[x])));
        }
      }
      for (std::size_t x = 0; x < width; ++x) {
        mean[x] += whole_row * static_cast<float>(inner[x]);
      }
    }
    if (span.last > span.first) {
      add(span.last, span.last_weight);
    }
    std::uint8_t* out = to.ptr<std::uint8_t>(y);
    for (int x = 0; x < to.cols; ++x) {
      const Span& column = columns[static_cast<std::size_t>(x)];
      float sum = mean[static_cast<std::size_t>(column.first)] * column.first_weight;
      for (int c = column.first + 1; c < column.last; ++c) {
        sum += mean[static_cast<std::size_t>(c)] * whole_column;
      }
      sum += mean[static_cast<std::size_t>(column.last)] * column.last_weight;
      out[x] = static_cast<std::uint8_t>(
          std::min(255.0F, (sum - static_cast<float>(low)) * gain + 0.5F));
    }
  }
}

void resize_area(const cv::Mat& from, cv::Mat& to) {
  if (from.size() == to.size()) {
    from.copyTo(to);
    return;
  }
  // INTER_AREA is an area mean only if no axis grows, so the shrinking comes first.
  const cv::Size small(std::min(from.cols, to.cols), std::min(from.rows, to.rows));
  if (small == to.size() && from.type() == CV_8U) {
    shrink_gray(from, /*expand=*/false, to);
    return;
  }
  if (small == to.size()) {
    cv::resize(from, to, to.size(), 0, 0, cv::INTER_AREA);
    return;
  }
  cv::Mat shrunk = from;
  if (small != from.size()) {
    cv::resize(from, shrunk, small, 0, 0, cv::INTER_AREA);
  }
  cv::resize(shrunk, to, to.size(), 0, 0, cv::INTER_LINEAR);
}

void rgb_to_gray(const cv::Mat& rgb, cv::Mat& gray) {
  for (int y = 0; y < rgb.rows; ++y) {
    const std::uint8_t* from = rgb.ptr<std::uint8_t>(y);
    std::uint8_t* const to = gray.ptr<std::uint8_t>(y);
    for (int x = 0; x < rgb.cols; ++x, from += 3) {
      to[x] = static_cast<std::uint8_t>(
          (19595U * from[0] + 38470U * from[1] + 7471U * from[2] + 32768U) >> 16);
    }
  }
}

Image decode_image(std::span<const std::uint8_t> bytes, const std::string& name, Color color) {
  const bool gray = check_declared_size(bytes, name) && color == Color::kGray;
  cv::Mat decoded;
  try {
    const cv::Mat raw(
        1, static_cast<int>(bytes.size()), CV_8U, const_cast<std::uint8_t*>(bytes.data()));
    if (!bytes.empty()) {
      decoded = cv::imdecode(raw, gray ? cv::IMREAD_GRAYSCALE : cv::IMREAD_COLOR);
    }
  } catch (const cv::Exception& error) {
    throw DataError(format("{} is not an image that can be read: {}", name, error.err));
  }
  MMI_CHECK(DataError, !decoded.empty(), "{} is not an image that can be read", name);
  Image image = image_of(decoded.rows, decoded.cols, gray ? 1 : 3);
  cv::Mat pixels = view(image);
  if (gray) {
    decoded.copyTo(pixels);
    return image;
  }
  cv::cvtColor(decoded, pixels, cv::COLOR_BGR2RGB);
  return color == Color::kRgb ? image : to_gray(image);
}

std::vector<std::uint8_t> encode_image(
    const Image& image, const std::string& suffix, int jpeg_quality) {
  MMI_CHECK(
      ConfigError,
      jpeg_quality >= 1 && jpeg_quality <= 100,
      "jpeg_quality must be in [1, 100], but is {}",
      jpeg_quality);
  cv::Mat pixels = view(image);
  if (image.channels == 3) {
    cv::Mat bgr;
    cv::cvtColor(pixels, bgr, cv::COLOR_RGB2BGR);
    pixels = bgr;
  }
  std::vector<std::uint8_t> bytes;
  bool good = false;
  try {
    good = cv::imencode(suffix, pixels, bytes, {cv::IMWRITE_JPEG_QUALITY, jpeg_quality});
  } catch (const cv::Exception& error) {
    throw ConfigError(format("no image of type '{}' can be written: {}", suffix, error.err));
  }
  MMI_CHECK(DataError, good, "the image could not be encoded as '{}'", suffix);
  return bytes;
}

void resize_area(
    const std::uint8_t* from,
    int from_height,
    int from_width,
    int channels,
    std::uint8_t* to,
    int height,
    int width) {
  resize_raw(from, from_height, from_width, channels, to, height, width, CV_8U);
}

void resize_area(
    const float* from,
    int from_height,
    int from_width,
    int channels,
    float* to,
    int height,
    int width) {
  resize_raw(from, from_height, from_width, channels, to, height, width, CV_32F);
}

Image resize_area(const Image& image, int height, int width) {
  check_sizes(image.height, image.width, image.channels, height, width);
  const cv::Mat from = view(image);
  Image out = image_of(height, width, image.channels);
  cv::Mat to = view(out);
  resize_area(from, to);
  return out;
}

Image to_gray(const Image& image) {
  if (image.channels == 1) {
    return image;
  }
  const cv::Mat rgb = view(image);
  Image out = image_of(image.height, image.width, 1);
  cv::Mat gray = view(out);
  rgb_to_gray(rgb, gray);
  return out;
}
#else
Image decode_image(std::span<const std::uint8_t>, const std::string& name, Color) {
  throw_without_media("decoding " + name);
}

std::vector<std::uint8_t> encode_image(const Image& image, const std::string& suffix, int) {
  check_image(image);
  throw_without_media("encoding an image as " + suffix);
}

void resize_area(
    const std::uint8_t*, int h, int w, int channels, std::uint8_t*, int height, int width) {
  check_sizes(h, w, channels, height, width);
  throw_without_media("resizing an image");
}

void resize_area(const float*, int h, int w, int channels, float*, int height, int width) {
  check_sizes(h, w, channels, height, width);
  throw_without_media("resizing an image");
}

Image resize_area(const Image&, int, int) {
  throw_without_media("resizing an image");
}

Image to_gray(const Image&) {
  throw_without_media("converting an image to gray");
}
#endif

Image read_image(const std::filesystem::path& path, Color color) {
  return decode_image(read_bytes(path, 512ULL << 20), path.string(), color);
}

void write_image(const std::filesystem::path& path, const Image& image, int jpeg_quality) {
  std::string suffix = path.extension().string();
  std::transform(suffix.begin(), suffix.end(), suffix.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  MMI_CHECK(ConfigError, !suffix.empty(), "{} has no suffix: name it .png or .jpg", path);
  atomic_write(path, encode_image(image, suffix, jpeg_quality));
}

}  // namespace mmi::io
