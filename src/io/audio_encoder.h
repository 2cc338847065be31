#pragma once

#include <filesystem>
#include <vector>

#include "io/ffmpeg.h"
#include "mmi/io/audio.h"

namespace mmi::io {

/// A sound track for a muxer (AAC in mp4 and mov, else PCM): packets made at once, handed over as
/// the picture proceeds.
class AudioTrack {
 public:
  /// Adds a stream to `output`, whose header is not yet written.
  AudioTrack(const Audio& audio, AVFormatContext* output, const std::filesystem::path& path);

  /// Writes the packets that begin before that time; infinity writes all.
  void write_until(double time_s);

 private:
  void encode(const Audio& audio);
  void fill(AVFrame& frame, const Audio& audio, std::int64_t begin) const;
  void receive();

  std::filesystem::path path_;
  AVFormatContext* output_;
  AVStream* stream_ = nullptr;
  ff::Codec codec_;
  std::vector<ff::Packet> packets_;
  std::size_t written_ = 0;
};

/// Output context of the format that the suffix of `path` names, writing to `temporary`.
ff::Output open_output(const std::filesystem::path& path, const std::filesystem::path& temporary);

/// Header with the flags all our files have.
void write_header(const ff::Output& output, const std::filesystem::path& path);

/// Trailer; the file is complete afterwards.
void finish_output(ff::Output& output, const std::filesystem::path& path);

}  // namespace mmi::io
