#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "io/ffmpeg.h"

namespace mmi::io {

/// Presentation times of all frames of a video, from one pass over its packets.
class VideoIndex {
 public:
  struct Key {
    std::int64_t pts = 0;
    std::int64_t dts = 0;
  };

  /// Reads `input` to its end; open another one for decoding.
  VideoIndex(ff::Input& input, int stream, const std::filesystem::path& path);

  /// "" when the file holds what it announces, else the sentence that says what is missing.
  const std::string& truncation() const {
    return truncation_;
  }

  /// What the container's reader complained about first, as a sentence; "" when it did not.
  const std::string& complaint() const {
    return complaint_;
  }

  /// Adds frames up to the announced length.
  void extend();

  std::size_t bytes() const {
    return sizeof *this + pts_.capacity() * sizeof pts_[0] + keys_.capacity() * sizeof keys_[0];
  }

  std::int64_t count() const {
    return static_cast<std::int64_t>(pts_.size());
  }

  /// False for files without (unique) presentation times: frames are then counted.
  bool has_times() const {
    return has_times_;
  }

  std::int64_t pts(std::int64_t frame) const {
    return pts_[static_cast<std::size_t>(frame)];
  }

  /// Seconds from the start of the file.
  double seconds(std::int64_t frame) const;
  double duration_s() const;

  /// The frame of that time, or the one after it; count() beyond the end.
  std::int64_t frame_at_or_after(std::int64_t pts) const;

  /// The frame on display at that time.
  std::int64_t frame_shown_at(double time_s) const;

  /// The last keyframe that is shown no later than the frame.
  Key key_before(std::int64_t frame) const;

  /// For each frame of a constant rate the frame to show: ffmpeg's fps filter with round=near.
  std::vector<std::int64_t> picks(AVRational fps) const;

 private:
  void make_up_times(AVRational fps);
  void find_truncation(
      const ff::Input& input, int stream, int result, const std::filesystem::path& path);

  AVRational time_base_;
  std::int64_t start_ = 0;  ///< of the file, in time_base_
  std::int64_t end_ = 0;
  std::int64_t frame_ticks_ = 1;    ///< what the last frame lasts
  std::int64_t announced_end_ = 0;  ///< by the headers, in time_base_; 0 when unknown
  std::string truncation_;
  std::string complaint_;
  bool has_times_ = true;
  std::vector<std::int64_t> pts_;
  std::vector<Key> keys_;
};

}  // namespace mmi::io
