#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "mmi/base/api.h"

/// Drawing of annotated pictures. Torch-free; text and slanted lines need a build with media.
namespace mmi::io {

struct Rgb {
  std::uint8_t r = 0;
  std::uint8_t g = 0;
  std::uint8_t b = 0;

  bool operator==(const Rgb&) const = default;
};

/// `part` of `b`, the rest `a`.
MMI_API Rgb mix(Rgb a, Rgb b, double part);

enum class Align { kLeft, kCenter, kRight };

/// An RGB picture, 8 bits a channel. Coordinates are pixels from the upper left corner; what lies
/// outside is not drawn.
class MMI_API Canvas {
 public:
  /// Throws ConfigError unless both sides are in [1, 32768].
  Canvas(int width, int height, Rgb background = {255, 255, 255});

  int width() const {
    return width_;
  }

  int height() const {
    return height_;
  }

  /// (height, width, 3), rows from the top.
  const std::vector<std::uint8_t>& bytes() const {
    return bytes_;
  }

  Rgb pixel(int x, int y) const;

  void set(int x, int y, Rgb colour) {
    if (x >= 0 && y >= 0 && x < width_ && y < height_) {
      std::uint8_t* at = bytes_.data() + 3 * (static_cast<std::size_t>(y) * width_ + x);
      at[0] = colour.r;
      at[1] = colour.g;
      at[2] = colour.b;
    }
  }

  /// A filled rectangle; `opacity` in [0, 1].
  void fill(int x, int y, int width, int height, Rgb colour, double opacity = 1);

  /// The border of a rectangle, `thickness` pixels inwards.
  void outline(int x, int y, int width, int height, Rgb colour, int thickness = 1);

  /// Antialiased line between two points. Throws NotBuiltError in a build without media.
  void line(double x1, double y1, double x2, double y2, Rgb colour, double thickness = 1);

  /// One line of text standing on `baseline`, `size` pixels high (ascender to descender). Printable
  /// ASCII; anything else becomes "?". Throws NotBuiltError in a build without media.
  void text(
      int x,
      int baseline,
      const std::string& words,
      Rgb colour,
      double size,
      Align align = Align::kLeft,
      bool bold = false);

  /// Width in pixels that `text` takes. Throws NotBuiltError in a build without media.
  static int text_width(const std::string& words, double size, bool bold = false);

  /// The encoded PNG file. Throws NotBuiltError in a build without media.
  std::vector<std::uint8_t> png() const;

  /// Writes png(). Throws DataError when the file cannot be written.
  void save_png(const std::filesystem::path& path) const;

 private:
  int width_;
  int height_;
  std::vector<std::uint8_t> bytes_;
};

}  // namespace mmi::io
