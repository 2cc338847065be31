#ifdef MMI_WITH_MEDIA
#include "io/ffmpeg.h"

#include <chrono>
#include <cstdarg>
#include <cstring>
#include <mutex>
#include <utility>
#include <vector>

#include "io/pixels.h"
#include "mmi/base/errors.h"

namespace mmi::io::ff {
namespace {

/// Containers that hold everything in one file; playlists and scripts (hls, concat, dash) are not
/// among them.
constexpr const char* kFormats =
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,flv,live_flv,ogg,mp3,wav,"
    "w64,flac,aac,ac3,eac3,aiff,au,caf,asf,h264,hevc,ivf,gif,yuv4mpegpipe,nut,dv,mxf,amr,wv,ape,"
    "tta";

/// Of one decoded audio frame, all channels together.
constexpr std::int64_t kMaxFrameSamples = 256LL * 1024 * 32;

thread_local int quiet_depth = 0;
thread_local std::string last_message;
std::atomic<int> quiet_scopes{0};

/// FFV1 replaces slices of wrong checksum and says so in its log alone.
void count_mismatch(void* context, const char* pattern) {
  const AVClass* const kind = context == nullptr ? nullptr : *static_cast<AVClass**>(context);
  if (kind == avcodec_get_class() && std::strstr(pattern, "CRC mismatch") != nullptr) {
    // Worker threads' contexts are copies, this pointer included.
    if (void* const counter = static_cast<AVCodecContext*>(context)->opaque) {
      ++*static_cast<std::atomic<int>*>(counter);
    }
  }
}

void log_callback(void* context, int level, const char* pattern, va_list args) {
  count_mismatch(context, pattern);
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
  explicit OpeningTime(double timeout_s) {
    deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                  std::chrono::duration<double>(timeout_s));
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

std::string take_message() {
  return std::exchange(last_message, {});
}

std::string error_text(int code) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(code, text, sizeof text);
  return last_message.empty() ? std::string(text) : format("{} ({})", text, last_message);
}

void check(int code, const std::filesystem::path& path, const char* what) {
  MMI_CHECK(DataError, code >= 0, "{}: {}: {}", path, what, error_text(code));
}

void check_file(const std::filesystem::path& path, const char* what) {
  std::error_code code;
  MMI_CHECK(
      DataError,
      std::filesystem::is_regular_file(path, code),
      "{} is not a file: check the path",
      path);
  MMI_CHECK(
      DataError,
      std::filesystem::file_size(path, code) > 0,
      "{} is empty (0 bytes), not a {}: make or copy it again",
      path,
      what);
}

Input open_input(const std::filesystem::path& path, const char* what, double timeout_s) {
  check_file(path, what);
  const OpeningTime limited(timeout_s);
  const auto check_opened = [&](int result) {
    MMI_CHECK(
        DataError,
        result != AVERROR_EXIT,
        "{}: finding out what it holds took longer than {} s: is it a {}?",
        path,
        timeout_s,
        what);
    MMI_CHECK(
        DataError,
        result >= 0,
        "{} is not a {} that can be read: {}",
        path,
        what,
        error_text(result));
  };
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
  check_opened(result);
  Input input(context);
  // It decodes a little, too.
  std::vector<AVDictionary*> limits(context->nb_streams);
  for (AVDictionary*& limit : limits) {
    av_dict_set_int(&limit, "max_pixels", kMaxPixels, 0);
    av_dict_set_int(&limit, "max_samples", kMaxFrameSamples, 0);
  }
  result = avformat_find_stream_info(context, limits.data());
  for (AVDictionary*& limit : limits) {
    av_dict_free(&limit);
  }
  check_opened(result);
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

Codec open_decoder(
    const Input& input,
    int stream,
    const std::filesystem::path& path,
    int threads,
    std::atomic<int>* mismatches) {
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
  codec->opaque = mismatches;
  codec->max_pixels = kMaxPixels;
  codec->max_samples = kMaxFrameSamples;
  codec->err_recognition = AV_EF_CRCCHECK | AV_EF_EXPLODE;
  check(avcodec_open2(codec.get(), decoder, nullptr), path, "the decoder cannot be opened");
  return codec;
}

std::int64_t start_time(const Input& input) {
  return input->start_time == AV_NOPTS_VALUE ? 0 : input->start_time;
}

double announced_end_s(const Input& input, int stream) {
  if (input->duration_estimation_method == AVFMT_DURATION_FROM_BITRATE) {
    return -1;
  }
  const AVStream& info = *input->streams[stream];
  const double start = static_cast<double>(start_time(input)) / AV_TIME_BASE;
  if (std::strcmp(input->iformat->name, "avi") == 0 && info.nb_frames > 0 &&
      info.codecpar->codec_type == AVMEDIA_TYPE_VIDEO && info.avg_frame_rate.num > 0) {
    // Its duration is corrected by what is there.
    return static_cast<double>(info.nb_frames) / av_q2d(info.avg_frame_rate);
  }
  if (info.duration > 0) {
    const std::int64_t first = info.start_time == AV_NOPTS_VALUE ? 0 : info.start_time;
    const double end = static_cast<double>(first) + static_cast<double>(info.duration);
    return end * av_q2d(info.time_base) - start;
  }
  // Matroska's duration is the longest stream's; each one's own stands in a tag.
  const AVDictionaryEntry* const tag = av_dict_get(info.metadata, "DURATION", nullptr, 0);
  std::int64_t microseconds = 0;
  if (tag != nullptr && av_parse_time(&microseconds, tag->value, 1) >= 0) {
    return static_cast<double>(microseconds) * 1e-6 - start;
  }
  return input->nb_streams == 1 && input->duration > 0
             ? static_cast<double>(input->duration) / AV_TIME_BASE
             : -1;
}

bool is_marked_damaged(const AVFrame& frame) {
  return (frame.flags & AV_FRAME_FLAG_CORRUPT) != 0 || frame.decode_error_flags != 0;
}

}  // namespace mmi::io::ff
#endif
