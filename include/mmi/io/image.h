#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "mmi/base/api.h"

namespace mmi::io {

enum class Color { kGray, kRgb };

/// Rows of pixels, top to bottom; channels interleaved: (H, W, C), C = 1 (gray) or 3 (RGB), 0..255.
struct Image {
  int height = 0;
  int width = 0;
  int channels = 0;
  std::vector<std::uint8_t> data;

  bool operator==(const Image&) const = default;
};

/// All functions here need MMI_MEDIA (OpenCV), else they throw `NotBuiltError`.
/// Reads png, jpg, bmp, webp and others; gray is PIL's "L" (0.299 R + 0.587 G + 0.114 B); alpha is
/// dropped; the camera's orientation mark is applied. Limits: 64 Mi pixels, side 65,535.
/// `DataError`.
MMI_API Image read_image(const std::filesystem::path& path, Color color = Color::kRgb);
MMI_API Image decode_image(
    std::span<const std::uint8_t> bytes, const std::string& name, Color color = Color::kRgb);

/// By the suffix: .png (lossless), .jpg/.jpeg (quality 1..100), others that OpenCV knows. Atomic.
MMI_API void write_image(
    const std::filesystem::path& path, const Image& image, int jpeg_quality = 95);

/// `suffix` ".png", ".jpg", ...
MMI_API std::vector<std::uint8_t> encode_image(
    const Image& image, const std::string& suffix, int jpeg_quality = 95);

/// THE antialiased resize, used for frames from memory and from files alike: the mean over the
/// covered area along an axis that shrinks, linear interpolation along one that grows (pixel
/// centres aligned). (H, W, C) -> (height, width, C), C <= 4; `to` must not overlap `from`.
MMI_API void resize_area(
    const std::uint8_t* from,
    int from_height,
    int from_width,
    int channels,
    std::uint8_t* to,
    int height,
    int width);
MMI_API void resize_area(
    const float* from,
    int from_height,
    int from_width,
    int channels,
    float* to,
    int height,
    int width);
MMI_API Image resize_area(const Image& image, int height, int width);

/// PIL's "L": (19595 R + 38470 G + 7471 B + 32768) >> 16.
MMI_API Image to_gray(const Image& image);

}  // namespace mmi::io
