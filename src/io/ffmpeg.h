#pragma once

// The only place that includes FFmpeg's headers.
extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/avutil.h>
#include <libavutil/channel_layout.h>
#include <libavutil/display.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libavutil/parseutils.h>
#include <libavutil/pixdesc.h>
#include <libswresample/swresample.h>
#include <libswscale/swscale.h>
}

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>

namespace mmi::io::ff {

/// unique_ptr deleters of FFmpeg's objects, whose functions take a pointer to the pointer.
template <class T, void (*free_function)(T**)>
struct Deleter {
  void operator()(T* object) const {
    free_function(&object);
  }
};

struct OutputCloser {
  void operator()(AVFormatContext* context) const {
    if (context != nullptr) {
      avio_closep(&context->pb);
      avformat_free_context(context);
    }
  }
};

struct SwsDeleter {
  void operator()(SwsContext* context) const {
    sws_freeContext(context);
  }
};

using Input = std::unique_ptr<AVFormatContext, Deleter<AVFormatContext, avformat_close_input>>;
using Output = std::unique_ptr<AVFormatContext, OutputCloser>;
using Codec = std::unique_ptr<AVCodecContext, Deleter<AVCodecContext, avcodec_free_context>>;
using Frame = std::unique_ptr<AVFrame, Deleter<AVFrame, av_frame_free>>;
using Packet = std::unique_ptr<AVPacket, Deleter<AVPacket, av_packet_free>>;
using Swr = std::unique_ptr<SwrContext, Deleter<SwrContext, swr_free>>;
using Sws = std::unique_ptr<SwsContext, SwsDeleter>;

/// While one lives, FFmpeg's messages of this thread are kept for our error texts instead of being
/// printed, and those of FFmpeg's own threads are dropped. Elsewhere FFmpeg's default stays, so a
/// host program that uses FFmpeg itself keeps its log.
class Quiet {
 public:
  Quiet();
  ~Quiet();
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;
};

/// Text of an FFmpeg error code, with the last message that FFmpeg logged in this thread.
std::string error_text(int code);

/// `DataError` "{path}: {what}: {error_text}" when code < 0.
void check(int code, const std::filesystem::path& path, const char* what);

/// The last message that FFmpeg logged in this thread, "" when there was none since the last call.
std::string take_message();

/// `DataError` unless `path` is a regular file that holds something.
void check_file(const std::filesystem::path& path, const char* what);

/// Opens a local media file: only the protocols file and pipe, no playlist formats, at most 32
/// streams, 16 MiB of probing. `what` ("video", "sound file") completes the error's sentence.
Input open_input(const std::filesystem::path& path, const char* what, double timeout_s = 10);

/// Index of the best stream of that type, -1 when there is none.
int best_stream(const Input& input, AVMediaType type);

/// An opened decoder for the stream, which refuses what it cannot decode correctly instead of
/// making something up; threads 0 = automatic. `mismatches` counts wrong checksums that the decoder
/// only logs.
Codec open_decoder(
    const Input& input,
    int stream,
    const std::filesystem::path& path,
    int threads,
    std::atomic<int>* mismatches = nullptr);

/// Start of the container in AV_TIME_BASE units, 0 when unknown.
std::int64_t start_time(const Input& input);

/// Where the stream ends by what the file's headers say, in seconds from the start of the file;
/// negative when they say nothing (an estimate from the bit rate does not count).
double announced_end_s(const Input& input, int stream);

/// Did the decoder mark the frame as damaged?
bool is_marked_damaged(const AVFrame& frame);

/// At most that much is made up at the end of a truncated file.
constexpr double kMaxPadding_s = 600;

}  // namespace mmi::io::ff
