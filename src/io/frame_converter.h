#pragma once

#include <array>
#include <filesystem>
#include <vector>

#include "io/ffmpeg.h"
#include "io/pixels.h"
#include "mmi/io/video.h"

namespace mmi::io {

/// A decoded frame -> rotated, cropped, gray or RGB, resized bytes.
class FrameConverter {
 public:
  /// `quarter_turns`: clockwise, 0..3.
  FrameConverter(const std::filesystem::path& path, const VideoOptions& options, int quarter_turns);

  /// Fills size and data of `out`.
  void convert(const AVFrame& frame, VideoFrame& out);

 private:
  cv::Mat rgb(const AVFrame& frame);
  cv::Mat cropped(cv::Mat picture);

  std::filesystem::path path_;
  VideoOptions options_;
  int quarter_turns_;
  ff::Sws scaler_;
  std::array<int, 5> scaler_key_{};
  std::vector<std::uint8_t> rgb_buffer_;
  cv::Mat turned_;
  cv::Mat gray_;
  cv::Mat shrunk_;
};

/// A box inside width x height, or a `ConfigError`.
CropBox checked_crop(
    const std::filesystem::path& path, const VideoOptions& options, int width, int height);

}  // namespace mmi::io
