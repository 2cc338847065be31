#ifdef MMI_WITH_MEDIA
#include "io/ffmpeg.h"

#include <atomic>
#include <chrono>
#include <cstdarg>
#include <mutex>

#include "mmi/base/errors.h"

namespace mmi::io::ff {
namespace {

/// Containers that hold everything in one file; playlists and scripts (hls, concat, dash) are not
/// among them.
constexpr const char* kFormats =
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,flv,live_flv,ogg,mp3,wav,"
    "w64,flac,aac,ac3,eac3,aiff,au,caf,asf,h264,hevc,ivf,gif,yuv4mpegpipe,nut,dv,mxf,amr,wv,ape,"
    "tta";

thread_local int quiet_depth = 0;
thread_local std::string last_message;
std::atomic<int> quiet_scopes{0};

void log_callback(void* context, int level, const char* pattern, va_list args) {
  if (quiet_depth == 0) {
    if (quiet_scopes == 0) {
      av_log_default_callback(context, level, pattern, args);
    }
    return;
  }
  if (level <= AV_LOG_ERROR) {
    char line[512];
    std::vsnprintf(line, sizeof line, pattern, args);
    last_message = line;
    while (!last_message.empty() && (last_message.back() == '\n' || last_message.back() == '.')) {
      last_message.pop_back();
    }
  }
}

using Clock = std::chrono::steady_clock;

/// FFmpeg copies the callback into objects that outlive the opening, hence no pointer to a local.
thread_local Clock::time_point deadline = Clock::time_point::max();

int past_deadline(void* /*unused*/) {
  return Clock::now() > deadline ? 1 : 0;
}

struct OpeningTime {
  OpeningTime() {
    deadline = Clock::now() + std::chrono::seconds(10);
  }

  ~OpeningTime() {
    deadline = Clock::time_point::max();
  }
};

}  // namespace

Quiet::Quiet() {
  static std::once_flag once;
  std::call_once(once, [] { av_log_set_callback(log_callback); });
  ++quiet_scopes;
  if (quiet_depth++ == 0) {
    last_message.clear();
  }
}

Quiet::~Quiet() {
  --quiet_depth;
  --quiet_scopes;
}

std::string error_text(int code) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(code, text, sizeof text);
  return last_message.empty() ? std::string(text) : format("{} ({})", text, last_message);
}

void check(int code, const std::filesystem::path& path, const char* what) {
  MMI_CHECK(DataError, code >= 0, "{}: {}: {}", path, what, error_text(code));
}

Input open_input(const std::filesystem::path& path, const char* what) {
  std::error_code code;
  MMI_CHECK(
      DataError,
      std::filesystem::is_regular_file(path, code),
      "{} is not a file: check the path",
      path);
  const OpeningTime limited;
  AVFormatContext* context = avformat_alloc_context();
  MMI_ASSERT(context != nullptr);
  context->interrupt_callback = {past_deadline, nullptr};
  context->max_streams = 32;
  AVDictionary* options = nullptr;
  av_dict_set(&options, "protocol_whitelist", "file,pipe", 0);
  av_dict_set(&options, "format_whitelist", kFormats, 0);
  av_dict_set(&options, "probesize", "16777216", 0);
  // "file:" keeps names with a colon from being taken for a protocol.
  const std::string url = "file:" + path.string();
  int result = avformat_open_input(&context, url.c_str(), nullptr, &options);
  av_dict_free(&options);
  MMI_CHECK(
      DataError,
      result >= 0,
      "{} is not a {} that can be read: {}",
      path,
      what,
      error_text(result));
  Input input(context);
  result = avformat_find_stream_info(context, nullptr);
  MMI_CHECK(
      DataError,
      result >= 0,
      "{} is not a {} that can be read: {}",
      path,
      what,
      error_text(result));
  return input;
}

int best_stream(const Input& input, AVMediaType type) {
  const int stream = av_find_best_stream(input.get(), type, -1, -1, nullptr, 0);
  // A cover picture is not a video.
  if (stream >= 0 && (input->streams[stream]->disposition & AV_DISPOSITION_ATTACHED_PIC)) {
    return -1;
  }
  return stream < 0 ? -1 : stream;
}

Codec open_decoder(const Input& input, int stream, const std::filesystem::path& path, int threads) {
  const AVStream* const info = input->streams[stream];
  const AVCodec* const decoder = avcodec_find_decoder(info->codecpar->codec_id);
  MMI_CHECK(
      DataError,
      decoder != nullptr,
      "{}: this FFmpeg has no decoder for '{}'",
      path,
      avcodec_get_name(info->codecpar->codec_id));
  Codec codec(avcodec_alloc_context3(decoder));
  MMI_ASSERT(codec != nullptr);
  check(avcodec_parameters_to_context(codec.get(), info->codecpar), path, "decoder");
  codec->pkt_timebase = info->time_base;
  codec->thread_count = threads;
  check(avcodec_open2(codec.get(), decoder, nullptr), path, "the decoder cannot be opened");
  return codec;
}

std::int64_t start_time(const Input& input) {
  return input->start_time == AV_NOPTS_VALUE ? 0 : input->start_time;
}

}  // namespace mmi::io::ff
#endif
