#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "mmi/base/api.h"
#include "mmi/io/image.h"

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
    return image_.width;
  }

  int height() const {
    return image_.height;
  }

  /// What was drawn so far: RGB.
  const Image& image() const {
    return image_;
  }

  Rgb pixel(int x, int y) const;

  void set(int x, int y, Rgb colour) {
    if (x >= 0 && y >= 0 && x < image_.width && y < image_.height) {
      std::uint8_t* at = image_.data.data() + 3 * (static_cast<std::size_t>(y) * image_.width + x);
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

  /// Writes a PNG file. Throws DataError when that fails, NotBuiltError in a build without media.
  void save_png(const std::filesystem::path& path) const {
    write_image(path, image_);
  }

 private:
  Image image_;
};

}  // namespace mmi::io
