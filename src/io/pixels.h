#pragma once

// Shared by image.cpp and video; needs MMI_WITH_MEDIA.
#include <cstdint>
#include <opencv2/core.hpp>

namespace mmi::io {

constexpr std::int64_t kMaxPixels = std::int64_t{64} << 20;

/// The antialiased resize on OpenCV's matrices of any depth.
void resize_area(const cv::Mat& from, cv::Mat& to);

/// The area mean of a gray picture (8 bits) that no axis grows of, in one pass over its rows;
/// `expand`: limited range becomes full range first. resize_area is this for gray pictures.
void shrink_gray(const cv::Mat& from, bool expand, cv::Mat& to);

/// PIL's "L" of an RGB matrix (8 bits).
void rgb_to_gray(const cv::Mat& rgb, cv::Mat& gray);

}  // namespace mmi::io
