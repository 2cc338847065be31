#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/io/audio.h"
#include "mmi/io/damage.h"
#include "mmi/io/image.h"

// All classes and functions here need MMI_MEDIA (FFmpeg, OpenCV), else they throw `NotBuiltError`.
// Errors with files are `DataError` and name the path. Only local files are opened.
namespace mmi::io {

/// Columns x1 <= x < x2, rows y1 <= y < y2 of the displayed picture.
struct CropBox {
  int x1 = 0;
  int y1 = 0;
  int x2 = 0;
  int y2 = 0;
};

/// The file as it is. Times count from the start of the file (sound included).
struct VideoInfo {
  int width = 0;  ///< as displayed: rotation marks of phones are applied
  int height = 0;
  double fps = 0;  ///< average
  double duration_s = 0;
  std::int64_t frame_count = 0;  ///< exact, from a scan of the packets
  std::string codec;
  bool has_audio = false;
};

struct VideoOptions {
  std::optional<CropBox> crop = {};  ///< in source pixels, before resizing
  int width = 0;                     ///< of the frames delivered (resize_area); 0 = as cropped
  int height = 0;
  Color color = Color::kRgb;  ///< gray equals PIL's "L" of the RGB within rounding
  double fps = 0;             ///< > 0: resample in time as ffmpeg's fps filter (round=near) does
  double start_s = 0;
  int threads = 0;  ///< of the decoder; 0 = automatic; on_error skip and pad use one
  OnError on_error = OnError::kRaise;
  double open_timeout_s = 10;  ///< for finding out what the file holds
};

struct VideoFrame {
  std::int64_t index = 0;  ///< in the whole (resampled) video
  double pts_s = 0;        ///< with `fps`: index / fps
  int height = 0;
  int width = 0;
  int channels = 0;
  std::vector<std::uint8_t> data;  ///< (H, W, C), 0..255
  bool valid = true;  ///< false: an earlier frame (or black) stands in for a damaged one (kPad)
};

/// Limits: 32 streams, side 16,384, 64 Mi pixels, 2e7 frames. Streams a video from disk, decoding
/// one frame at a time. Not thread-safe.
///   VideoReader reader("a.mp4", {.width = 900, .height = 100, .color = Color::kGray, .fps = 25});
///   for (VideoFrame frame; reader.next(frame);) ...
class MMI_API VideoReader {
 public:
  explicit VideoReader(const std::filesystem::path& path, const VideoOptions& options = {});
  ~VideoReader();
  VideoReader(VideoReader&&) noexcept;
  VideoReader& operator=(VideoReader&&) noexcept;

  const VideoInfo& info() const;

  /// Of the frames delivered.
  int width() const;
  int height() const;
  int channels() const;
  double fps() const;
  std::int64_t frame_count() const;

  /// Counts grow with `next`; a frame read twice counts twice.
  const Damage& damage() const;

  /// Memory that the table of frame times takes.
  std::size_t index_bytes() const;

  /// False at the end; `frame` is then unchanged. Its memory is reused.
  bool next(VideoFrame& frame);

  /// The next frame is exactly that one: the same bytes as sequential reading gives.
  void seek_frame(std::int64_t index);

  /// To the frame on display at that time.
  void seek_time(double time_s);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

enum class VideoCodec {
  kH264,  ///< lossy, plays everywhere: YUV 4:2:0 (4:4:4 for odd sizes), limited range BT.601
  kH264Lossless,  ///< exact: gray as full-range luma, colour as RGB
  kFfv1,          ///< exact; for .mkv and .avi
};

struct VideoWriterOptions {
  Color color = Color::kRgb;  ///< of the frames given
  VideoCodec codec = VideoCodec::kH264;
  int crf = 18;                   ///< 0 (best) .. 51, for kH264
  std::string preset = "medium";  ///< of x264
  int keyframe_interval = 0;      ///< frames; 0 = two seconds
  int threads = 1;  ///< x264's lossy output depends on it, so one keeps files reproducible
  std::optional<Audio> audio = {};  ///< 1 or 2 channels; AAC, but PCM in .mkv and .avi
};

/// Writes .mp4, .mov, .mkv or .avi; the file appears when `finish()` succeeds. Not thread-safe.
class MMI_API VideoWriter {
 public:
  VideoWriter(
      const std::filesystem::path& path,
      int width,
      int height,
      double fps,
      const VideoWriterOptions& options = {});
  ~VideoWriter();
  VideoWriter(VideoWriter&&) noexcept;
  VideoWriter& operator=(VideoWriter&&) noexcept;

  /// (H, W, C) bytes, C = 1 or 3 by `options.color`.
  void write(std::span<const std::uint8_t> frame);

  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Copies the picture of `video` without re-encoding and gives it this sound instead of its
/// own. `out` may be `video` itself.
MMI_API void mux_audio(
    const std::filesystem::path& video, const Audio& audio, const std::filesystem::path& out);

}  // namespace mmi::io
