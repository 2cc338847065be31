#include "mmi/io/video.h"

#include "io/media.h"
#include "mmi/base/errors.h"

#ifdef MMI_WITH_MEDIA
#include <algorithm>
#include <cmath>

#include "io/frame_converter.h"
#include "io/video_index.h"
#endif

namespace mmi::io {

#ifdef MMI_WITH_MEDIA
namespace {

constexpr int kMaxSide = 16'384;

int clockwise_quarter_turns(const AVStream& stream) {
  std::size_t size = 0;
  const std::uint8_t* const matrix =
      av_stream_get_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
  if (matrix == nullptr || size < 9 * sizeof(std::int32_t)) {
    return 0;
  }
  const double angle = av_display_rotation_get(reinterpret_cast<const std::int32_t*>(matrix));
  if (!std::isfinite(angle)) {
    return 0;
  }
  // FFmpeg's angle is counterclockwise.
  return static_cast<int>(((std::lround(-angle / 90) % 4) + 4) % 4);
}

}  // namespace

struct VideoReader::Impl {
  Impl(const std::filesystem::path& file, const VideoOptions& wanted)
      : path(file), options(wanted) {
    const ff::Quiet quiet;
    check_options();
    open();
    {
      ff::Input scanned = ff::open_input(path, "video", options.open_timeout_s);
      index = std::make_unique<VideoIndex>(scanned, stream, path);
    }
    if (!index->complaint().empty()) {
      report(index->complaint());
    }
    if (!index->truncation().empty()) {
      damage.truncated = true;
      report(index->truncation());
      if (options.on_error == OnError::kPad) {
        index->extend();
      }
    }
    describe();
    converter = std::make_unique<FrameConverter>(path, options, turns);
    if (options.start_s > 0) {
      seek_time(options.start_s);
    }
  }

  ~Impl() {
    const ff::Quiet quiet;
    codec.reset();
    input.reset();
  }

  void open() {
    codec.reset();
    input = ff::open_input(path, "video", options.open_timeout_s);
    stream = ff::best_stream(input, AVMEDIA_TYPE_VIDEO);
    MMI_CHECK(DataError, stream >= 0, "{} holds no video stream", path);
    const AVCodecParameters& parameters = *input->streams[stream]->codecpar;
    check_size(parameters.width, parameters.height);
    for (unsigned i = 0; i < input->nb_streams; ++i) {
      if (static_cast<int>(i) != stream) {
        input->streams[i]->discard = AVDISCARD_ALL;
      }
    }
    // With one thread it is known which packet an error belongs to.
    const int threads = options.on_error == OnError::kRaise ? options.threads : 1;
    codec = ff::open_decoder(input, stream, path, threads, &mismatches);
    mismatches = 0;
    draining = false;
    tainted = false;
    settling = false;
    must_open = false;
    av_frame_unref(last_good.get());
    source = -1;
    counted = 0;
  }

  void check_size(int width, int height) const {
    MMI_CHECK(
        DataError,
        width > 0 && height > 0 && width <= kMaxSide && height <= kMaxSide &&
            static_cast<std::int64_t>(width) * height <= kMaxPixels,
        "{}: frames of {} x {} pixels are outside the limits (side 16384, 64 Mi pixels)",
        path,
        width,
        height);
  }

  void describe() {
    const AVStream& video = *input->streams[stream];
    turns = clockwise_quarter_turns(video);
    info.width = turns % 2 ? video.codecpar->height : video.codecpar->width;
    info.height = turns % 2 ? video.codecpar->width : video.codecpar->height;
    info.frame_count = index->count();
    info.duration_s = index->duration_s();
    info.codec = avcodec_get_name(video.codecpar->codec_id);
    info.has_audio = ff::best_stream(input, AVMEDIA_TYPE_AUDIO) >= 0;
    const AVRational rate = av_guess_frame_rate(input.get(), input->streams[stream], nullptr);
    info.fps = rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0;
    const CropBox box = checked_crop(path, options, info.width, info.height);
    out_width = options.width > 0 ? options.width : box.x2 - box.x1;
    out_height = options.height > 0 ? options.height : box.y2 - box.y1;
    if (options.fps > 0) {
      picks = index->picks(av_d2q(options.fps, 1'001'000));
    }
  }

  void check_options() const {
    MMI_CHECK(
        ConfigError,
        options.width >= 0 && options.width <= kMaxSide && options.height >= 0 &&
            options.height <= kMaxSide && options.fps >= 0 && options.fps <= 1000 &&
            options.threads >= 0 && options.threads <= 64 && options.start_s >= 0 &&
            options.open_timeout_s >= 0 && options.open_timeout_s <= 86400,
        "{}: reading as {} x {} at {} fps from {} s with {} threads within {} s is not possible",
        path,
        options.width,
        options.height,
        options.fps,
        options.start_s,
        options.threads,
        options.open_timeout_s);
  }

  std::int64_t frame_count() const {
    return options.fps > 0 ? static_cast<std::int64_t>(picks.size()) : index->count();
  }

  /// Throws what is wrong, or notes it when damage is to be skipped or padded.
  void report(const std::string& what) {
    if (options.on_error == OnError::kRaise) {
      must_open = true;
      must_seek = true;
      throw DataError(what + ": on_error skip or pad reads the rest");
    }
    if (damage.first.empty()) {
      damage.first = what;
    }
  }

  void report_damage(const std::string& reason) {
    tainted = true;
    if (settling) {
      // Frames shown before an open keyframe, whose references lie before the seek.
      return;
    }
    ++damage.packets;
    const std::int64_t frame = index->has_times() ? index->frame_at_or_after(fed_pts) : counted;
    report(format(
        "{}: video stream {} is damaged near {:.3f} s: {}",
        path,
        stream,
        index->seconds(std::clamp<std::int64_t>(frame, 0, index->count() - 1)),
        reason));
  }

  /// Decodes one frame; false at the end of the file.
  bool decode() {
    for (int refused = 0;;) {
      const int got = avcodec_receive_frame(codec.get(), decoded.get());
      if (got >= 0) {
        const std::int64_t pts = decoded->best_effort_timestamp;
        source = !index->has_times()     ? counted
                 : pts == AV_NOPTS_VALUE ? source + 1
                                         : index->frame_at_or_after(pts);
        ++counted;
        tainted = tainted && !decoded->key_frame;
        settling = false;
        if (ff::is_marked_damaged(*decoded)) {
          report_damage("the decoder marked a frame as corrupt");
        } else if (mismatches.exchange(0) > 0) {
          report_damage("a checksum is wrong");
        }
        check_size(decoded->width, decoded->height);
        return true;
      }
      if (got == AVERROR_EOF) {
        source = -1;
        return false;
      }
      if (got != AVERROR(EAGAIN)) {
        report_damage(ff::error_text(got));
        // Decoders that never come to an end are not waited for.
        MMI_CHECK(
            DataError,
            ++refused < 1000,
            "{}: the decoder refuses everything: {}",
            path,
            ff::error_text(got));
        continue;
      }
      refused = 0;
      feed();
    }
  }

  void feed() {
    const int read = av_read_frame(input.get(), packet.get());
    if (read < 0) {
      draining = true;
      const int sent = avcodec_send_packet(codec.get(), nullptr);
      if (sent != AVERROR_EOF) {
        ff::check(sent, path, "decoding failed");
      }
      return;
    }
    int sent = 0;
    if (packet->stream_index == stream) {
      fed_pts = packet->pts;
      sent = avcodec_send_packet(codec.get(), packet.get());
    }
    av_packet_unref(packet.get());
    if (sent < 0) {
      report_damage(ff::error_text(sent));
    }
  }

  /// Makes decoding forward lead to frame `wanted`, from the nearest keyframe.
  void approach(std::int64_t wanted) {
    if (must_open) {
      open();
    }
    if (source == wanted) {
      return;
    }
    const bool fresh = counted == 0 && !draining;
    if (!index->has_times()) {
      if (wanted < counted || draining) {
        open();
      }
      return;
    }
    const VideoIndex::Key key = index->key_before(wanted);
    if (fresh ? key.pts <= index->pts(0)
              : source >= 0 && source < wanted && index->pts(source) >= key.pts) {
      return;
    }
    const int result = av_seek_frame(input.get(), stream, key.dts, AVSEEK_FLAG_BACKWARD);
    if (result >= 0) {
      avcodec_flush_buffers(codec.get());
      draining = false;
      tainted = false;
      settling = true;
      av_frame_unref(last_good.get());
      // Some demuxers land behind what was asked; only decoding from the start is then exact.
      if (decode() && source <= wanted) {
        return;
      }
    }
    open();
  }

  bool is_good() const {
    return source >= 0 && !tainted;
  }

  /// Decodes until frame `wanted` or a later one is there; false when there is none.
  bool decode_up_to(std::int64_t wanted) {
    const bool skips = options.on_error == OnError::kSkip;
    while (source < wanted || (skips && tainted)) {
      if (options.on_error == OnError::kPad && is_good()) {
        av_frame_unref(last_good.get());
        ff::check(av_frame_ref(last_good.get(), decoded.get()), path, "keeping a frame");
      }
      if (!decode()) {
        return false;
      }
    }
    return true;
  }

  void convert(const AVFrame* from) {
    if (from->width > 0) {
      converter->convert(*from, converted);
    } else {
      converted.width = out_width;
      converted.height = out_height;
      converted.channels = options.color == Color::kGray ? 1 : 3;
      converted.data.assign(
          static_cast<std::size_t>(out_width) * static_cast<std::size_t>(out_height) *
              static_cast<std::size_t>(converted.channels),
          0);
    }
  }

  bool next(VideoFrame& frame) {
    if (cursor >= frame_count()) {
      return false;
    }
    const bool resampled = options.fps > 0;
    std::int64_t wanted = resampled ? picks[static_cast<std::size_t>(cursor)] : cursor;
    if (converted_source != wanted) {
      if (must_seek) {
        approach(wanted);
        must_seek = false;
      }
      const bool found = decode_up_to(wanted);
      if (options.on_error == OnError::kPad) {
        converted.valid = found && source == wanted && is_good();
        convert(converted.valid ? decoded.get() : last_good.get());
      } else if (!found) {
        damage.left_out += options.on_error == OnError::kSkip ? frame_count() - cursor : 0;
        cursor = frame_count();
        return false;
      } else {
        const std::int64_t before = cursor;
        if (!resampled) {
          // A frame that the decoder left out shifts nothing: indices follow the times.
          cursor = std::min(std::max(cursor, source), frame_count() - 1);
        } else if (options.on_error == OnError::kSkip) {
          while (cursor < frame_count() && picks[static_cast<std::size_t>(cursor)] < source) {
            ++cursor;
          }
        }
        damage.left_out += options.on_error == OnError::kSkip ? cursor - before : 0;
        if (cursor >= frame_count()) {
          return false;
        }
        wanted = resampled ? picks[static_cast<std::size_t>(cursor)] : cursor;
        converter->convert(*decoded, converted);
      }
      converted_source = wanted;
    }
    damage.padded += converted.valid ? 0 : 1;
    frame.height = converted.height;
    frame.width = converted.width;
    frame.channels = converted.channels;
    frame.valid = converted.valid;
    frame.index = cursor;
    frame.pts_s = resampled ? static_cast<double>(cursor) / options.fps : index->seconds(cursor);
    if (resampled) {
      frame.data = converted.data;
    } else {
      frame.data.swap(converted.data);
      converted_source = -1;
    }
    ++cursor;
    return true;
  }

  void seek_frame(std::int64_t target) {
    MMI_CHECK(
        ConfigError,
        target >= 0 && target <= frame_count(),
        "{}: frame {} does not exist; there are {}",
        path,
        target,
        frame_count());
    must_seek = must_seek || target != cursor;
    cursor = target;
  }

  void seek_time(double time_s) {
    MMI_CHECK(ConfigError, time_s >= 0, "{}: cannot go to {} s", path, time_s);
    seek_frame(
        options.fps > 0
            ? std::min(
                  frame_count(),
                  static_cast<std::int64_t>(std::floor(std::min(time_s, 1e9) * options.fps + 1e-6)))
            : index->frame_shown_at(time_s));
  }

  std::filesystem::path path;
  VideoOptions options;
  VideoInfo info;
  ff::Input input;
  std::atomic<int> mismatches{0};  ///< outlives the decoder, which counts in it
  ff::Codec codec;
  ff::Packet packet{av_packet_alloc()};
  ff::Frame decoded{av_frame_alloc()};
  ff::Frame last_good{av_frame_alloc()};  ///< for kPad
  Damage damage;
  std::unique_ptr<VideoIndex> index;
  std::unique_ptr<FrameConverter> converter;
  std::vector<std::int64_t> picks;
  VideoFrame converted;
  std::int64_t converted_source = -1;
  std::int64_t cursor = 0;   ///< the next frame to deliver
  std::int64_t source = -1;  ///< the frame in `decoded`
  std::int64_t counted = 0;  ///< frames decoded since the opening
  std::int64_t fed_pts = 0;  ///< of the last packet
  int stream = -1;
  int turns = 0;
  int out_width = 0;
  int out_height = 0;
  bool draining = false;
  bool must_seek = false;
  bool must_open = false;  ///< an error left the decoder somewhere
  bool tainted = false;    ///< damage since the last keyframe
  bool settling = false;   ///< no frame yet since a seek
};

VideoReader::VideoReader(const std::filesystem::path& path, const VideoOptions& options)
    : impl_(std::make_unique<Impl>(path, options)) {}

const VideoInfo& VideoReader::info() const {
  return impl_->info;
}

int VideoReader::width() const {
  return impl_->out_width;
}

int VideoReader::height() const {
  return impl_->out_height;
}

int VideoReader::channels() const {
  return impl_->options.color == Color::kGray ? 1 : 3;
}

double VideoReader::fps() const {
  return impl_->options.fps > 0 ? impl_->options.fps : impl_->info.fps;
}

std::int64_t VideoReader::frame_count() const {
  return impl_->frame_count();
}

const Damage& VideoReader::damage() const {
  return impl_->damage;
}

std::size_t VideoReader::index_bytes() const {
  return impl_->index->bytes() + impl_->picks.capacity() * sizeof(std::int64_t);
}

bool VideoReader::next(VideoFrame& frame) {
  const ff::Quiet quiet;
  return impl_->next(frame);
}

void VideoReader::seek_frame(std::int64_t index) {
  impl_->seek_frame(index);
}

void VideoReader::seek_time(double time_s) {
  impl_->seek_time(time_s);
}
#else
struct VideoReader::Impl {
  VideoInfo info;
  Damage damage;
};

VideoReader::VideoReader(const std::filesystem::path& path, const VideoOptions&) {
  throw_without_media("reading " + path.string());
}

const VideoInfo& VideoReader::info() const {
  return impl_->info;
}

int VideoReader::width() const {
  return 0;
}

int VideoReader::height() const {
  return 0;
}

int VideoReader::channels() const {
  return 0;
}

double VideoReader::fps() const {
  return 0;
}

std::int64_t VideoReader::frame_count() const {
  return 0;
}

const Damage& VideoReader::damage() const {
  return impl_->damage;
}

std::size_t VideoReader::index_bytes() const {
  return 0;
}

bool VideoReader::next(VideoFrame&) {
  return false;
}

void VideoReader::seek_frame(std::int64_t) {}

void VideoReader::seek_time(double) {}
#endif

VideoReader::~VideoReader() = default;
VideoReader::VideoReader(VideoReader&&) noexcept = default;
VideoReader& VideoReader::operator=(VideoReader&&) noexcept = default;

}  // namespace mmi::io
