// Streams a long video and a long sound file and says what memory that took.
// Usage: long_media VIDEO SOUND [SECONDS_IN_ONE_GO]. Exit code 1 when a bar is broken.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "mmi/base/errors.h"
#include "mmi/io/audio.h"
#include "mmi/io/video.h"

namespace {

using namespace mmi;

constexpr double kMaxMiB = 400;
constexpr double kMaxIndexBytes = 32;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// "VmRSS" or "VmHWM" (the peak) in MiB.
double memory_mib(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind(field + ":", 0) == 0) {
      return std::strtod(line.c_str() + field.size() + 1, nullptr) / 1024;
    }
  }
  return 0;
}

std::int64_t read_frames(io::VideoReader& reader, double seconds) {
  const auto wanted = static_cast<std::int64_t>(seconds * reader.fps());
  std::int64_t n = 0;
  io::VideoFrame frame;
  while (n < wanted && reader.next(frame)) {
    ++n;
  }
  return n;
}

bool report(const char* what, double baseline) {
  const double over = memory_mib("VmHWM") - baseline;
  std::printf("%s: peak %.0f MiB over the baseline of %.0f MiB\n", what, over, baseline);
  return over <= kMaxMiB;
}

bool stream_video(const char* path, double in_one_go_s) {
  const double baseline = memory_mib("VmRSS");
  auto start = std::chrono::steady_clock::now();
  io::VideoReader reader(path, {.width = 900, .height = 100, .color = io::Color::kGray});
  const io::VideoInfo& info = reader.info();
  const double per_frame =
      static_cast<double>(reader.index_bytes()) / static_cast<double>(info.frame_count);
  std::printf(
      "video: %d x %d, %.0f s, %lld frames, known after %.1f s; index %.1f B per frame\n",
      info.width,
      info.height,
      info.duration_s,
      static_cast<long long>(info.frame_count),
      seconds_since(start),
      per_frame);
  start = std::chrono::steady_clock::now();
  std::int64_t n = read_frames(reader, in_one_go_s);
  for (const double part : {0.25, 0.5, 0.75}) {
    reader.seek_time(part * info.duration_s);
    n += read_frames(reader, 10);
  }
  reader.seek_time(info.duration_s - 10);
  n += read_frames(reader, 20);
  std::printf(
      "video: %lld frames read (%.0f s from the start in one go; 10 s from a quarter, the half, "
      "three quarters and at the end) in %.0f s\n",
      static_cast<long long>(n),
      in_one_go_s,
      seconds_since(start));
  return report("video", baseline) && per_frame <= kMaxIndexBytes;
}

bool stream_sound(const char* path) {
  const double baseline = memory_mib("VmRSS");
  const auto start = std::chrono::steady_clock::now();
  io::AudioReader reader(path);
  std::printf(
      "sound: %.0f s, %d Hz x %d, known after %.1f s\n",
      reader.duration_s(),
      reader.sample_rate_hz(),
      reader.channels(),
      seconds_since(start));
  double read_s = 0;
  for (io::Audio piece; reader.next(piece, 10);) {
    read_s += piece.duration_s();
  }
  std::printf("sound: %.0f s read in %.0f s\n", read_s, seconds_since(start));
  return report("sound", baseline);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: long_media VIDEO SOUND [SECONDS_IN_ONE_GO]\n");
    return 2;
  }
  try {
    // Sound first: a peak cannot be taken back, and the video's is the higher one.
    const bool sound = stream_sound(argv[2]);
    const bool video = stream_video(argv[1], argc > 3 ? std::strtod(argv[3], nullptr) : 600);
    return sound && video ? 0 : 1;
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return error.exit_code();
  }
}
