#include "io/media.h"
#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/io/video.h"

#ifdef MMI_WITH_MEDIA
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string_view>

#include "io/audio_encoder.h"
#endif

namespace mmi::io {

#ifdef MMI_WITH_MEDIA
namespace {

constexpr int kMaxSide = 16'384;
constexpr std::string_view kPresets[] = {
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"};

struct PixelChoice {
  const char* encoder;
  AVPixelFormat format;
};

PixelChoice choose(const VideoWriterOptions& options, int width, int height) {
  const bool gray = options.color == Color::kGray;
  switch (options.codec) {
    case VideoCodec::kH264:
      return {"libx264", width % 2 || height % 2 ? AV_PIX_FMT_YUV444P : AV_PIX_FMT_YUV420P};
    case VideoCodec::kH264Lossless:
      return gray ? PixelChoice{"libx264", AV_PIX_FMT_GRAY8}
                  : PixelChoice{"libx264rgb", AV_PIX_FMT_RGB24};
    case VideoCodec::kFfv1:
      return {"ffv1", gray ? AV_PIX_FMT_GRAY8 : AV_PIX_FMT_BGR0};
  }
  throw InternalError("unknown VideoCodec");
}

}  // namespace

struct VideoWriter::Impl {
  Impl(
      const std::filesystem::path& file_path,
      int frame_width,
      int frame_height,
      double frame_rate,
      const VideoWriterOptions& wanted)
      : path(file_path), width(frame_width), height(frame_height), options(wanted), file(path) {
    const ff::Quiet quiet;
    MMI_CHECK(
        ConfigError,
        width > 0 && height > 0 && width <= kMaxSide && height <= kMaxSide && frame_rate > 0 &&
            frame_rate <= 1000,
        "{}: a video of {} x {} pixels at {} fps cannot be written",
        path,
        width,
        height,
        frame_rate);
    MMI_CHECK(
        ConfigError,
        options.crf >= 0 && options.crf <= 51 && options.threads >= 0 && options.threads <= 64 &&
            options.keyframe_interval >= 0,
        "{}: crf {} (0 to 51), threads {} (0 to 64) or keyframe_interval {} is out of range",
        path,
        options.crf,
        options.threads,
        options.keyframe_interval);
    const bool known =
        std::find(std::begin(kPresets), std::end(kPresets), options.preset) != std::end(kPresets);
    MMI_CHECK(
        ConfigError,
        known,
        "{}: x264 has no preset '{}' (ultrafast ... medium ... veryslow)",
        path,
        options.preset);
    rate = av_d2q(frame_rate, 1'001'000);
    output = open_output(path, file.temporary_path());
    open_encoder();
    open_scaler();
    if (options.audio) {
      sound = std::make_unique<AudioTrack>(*options.audio, output.get(), path);
      options.audio.reset();
    }
    write_header(output, path);
  }

  ~Impl() {
    // x264 and the AAC encoder report when they are closed.
    const ff::Quiet quiet;
    sound.reset();
    codec.reset();
    output.reset();
  }

  void open_encoder() {
    const PixelChoice choice = choose(options, width, height);
    const AVCodec* const encoder = avcodec_find_encoder_by_name(choice.encoder);
    MMI_CHECK(
        DataError,
        encoder != nullptr,
        "{}: this FFmpeg has no encoder '{}': install a build with x264",
        path,
        choice.encoder);
    codec.reset(avcodec_alloc_context3(encoder));
    codec->width = width;
    codec->height = height;
    codec->pix_fmt = choice.format;
    codec->time_base = av_inv_q(rate);
    codec->framerate = rate;
    codec->gop_size = options.keyframe_interval > 0
                          ? options.keyframe_interval
                          : std::max(1, static_cast<int>(std::lround(2 * av_q2d(rate))));
    codec->thread_count = options.threads;
    codec->flags |= AV_CODEC_FLAG_BITEXACT;
    const bool lossy = options.codec == VideoCodec::kH264;
    codec->color_range = lossy ? AVCOL_RANGE_MPEG : AVCOL_RANGE_JPEG;
    if (lossy) {
      codec->colorspace = AVCOL_SPC_SMPTE170M;
      codec->color_primaries = AVCOL_PRI_SMPTE170M;
      codec->color_trc = AVCOL_TRC_SMPTE170M;
    }
    if (output->oformat->flags & AVFMT_GLOBALHEADER) {
      codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    }
    AVDictionary* settings = nullptr;
    if (options.codec == VideoCodec::kFfv1) {
      codec->level = 3;
    } else {
      av_dict_set(&settings, "preset", options.preset.c_str(), 0);
      av_dict_set_int(&settings, lossy ? "crf" : "qp", lossy ? options.crf : 0, 0);
    }
    const int result = avcodec_open2(codec.get(), encoder, &settings);
    av_dict_free(&settings);
    ff::check(result, path, "the encoder cannot be opened");
    stream = avformat_new_stream(output.get(), nullptr);
    MMI_ASSERT(stream != nullptr);
    stream->time_base = codec->time_base;
    stream->avg_frame_rate = rate;
    ff::check(
        avcodec_parameters_from_context(stream->codecpar, codec.get()), path, "video parameters");
    frame->width = width;
    frame->height = height;
    frame->format = codec->pix_fmt;
    frame->color_range = codec->color_range;
    frame->colorspace = codec->colorspace;
    ff::check(av_frame_get_buffer(frame.get(), 0), path, "video frame");
  }

  void open_scaler() {
    const AVPixelFormat given = options.color == Color::kGray ? AV_PIX_FMT_GRAY8 : AV_PIX_FMT_RGB24;
    if (given == codec->pix_fmt) {
      return;
    }
    scaler.reset(sws_getContext(
        width,
        height,
        given,
        width,
        height,
        codec->pix_fmt,
        SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INP | SWS_BITEXACT,
        nullptr,
        nullptr,
        nullptr));
    MMI_ASSERT(scaler != nullptr);
    const int* const coefficients = sws_getCoefficients(SWS_CS_SMPTE170M);
    sws_setColorspaceDetails(scaler.get(), coefficients, 1, coefficients, 0, 0, 1 << 16, 1 << 16);
  }

  void write(std::span<const std::uint8_t> pixels) {
    const ff::Quiet quiet;
    const int channels = options.color == Color::kGray ? 1 : 3;
    const std::size_t row = static_cast<std::size_t>(width) * static_cast<std::size_t>(channels);
    MMI_CHECK(
        ShapeError,
        pixels.size() == row * static_cast<std::size_t>(height),
        "{}: a frame of {} x {} x {} must have {} bytes, but has {}",
        path,
        height,
        width,
        channels,
        row * static_cast<std::size_t>(height),
        pixels.size());
    MMI_CHECK(ConfigError, output != nullptr, "{}: the video is finished already", path);
    ff::check(av_frame_make_writable(frame.get()), path, "video frame");
    if (scaler == nullptr) {
      for (int y = 0; y < height; ++y) {
        std::memcpy(
            frame->data[0] + static_cast<std::ptrdiff_t>(y) * frame->linesize[0],
            pixels.data() + static_cast<std::size_t>(y) * row,
            row);
      }
    } else {
      const std::uint8_t* const planes[4] = {pixels.data(), nullptr, nullptr, nullptr};
      const int strides[4] = {static_cast<int>(row), 0, 0, 0};
      sws_scale(scaler.get(), planes, strides, 0, height, frame->data, frame->linesize);
    }
    frame->pts = written++;
    ff::check(avcodec_send_frame(codec.get(), frame.get()), path, "encoding failed");
    drain();
  }

  void drain() {
    for (;;) {
      const int got = avcodec_receive_packet(codec.get(), packet.get());
      if (got == AVERROR(EAGAIN) || got == AVERROR_EOF) {
        return;
      }
      ff::check(got, path, "encoding failed");
      if (sound != nullptr) {
        sound->write_until(static_cast<double>(packet->dts) * av_q2d(codec->time_base));
      }
      packet->stream_index = stream->index;
      packet->duration = 1;
      av_packet_rescale_ts(packet.get(), codec->time_base, stream->time_base);
      ff::check(av_interleaved_write_frame(output.get(), packet.get()), path, "writing failed");
    }
  }

  void finish() {
    const ff::Quiet quiet;
    MMI_CHECK(ConfigError, output != nullptr, "{}: the video is finished already", path);
    MMI_CHECK(ConfigError, written > 0, "{}: a video needs at least one frame", path);
    ff::check(avcodec_send_frame(codec.get(), nullptr), path, "encoding failed");
    drain();
    if (sound != nullptr) {
      sound->write_until(std::numeric_limits<double>::infinity());
    }
    finish_output(output, path);
    file.commit();
  }

  std::filesystem::path path;
  int width;
  int height;
  VideoWriterOptions options;
  AtomicFile file;
  AVRational rate{25, 1};
  ff::Output output;
  ff::Codec codec;
  ff::Sws scaler;
  ff::Frame frame{av_frame_alloc()};
  ff::Packet packet{av_packet_alloc()};
  AVStream* stream = nullptr;
  std::unique_ptr<AudioTrack> sound;
  std::int64_t written = 0;
};

VideoWriter::VideoWriter(
    const std::filesystem::path& path,
    int width,
    int height,
    double fps,
    const VideoWriterOptions& options)
    : impl_(std::make_unique<Impl>(path, width, height, fps, options)) {}

void VideoWriter::write(std::span<const std::uint8_t> frame) {
  impl_->write(frame);
}

void VideoWriter::finish() {
  impl_->finish();
}
#else
struct VideoWriter::Impl {};

VideoWriter::VideoWriter(
    const std::filesystem::path& path, int, int, double, const VideoWriterOptions&) {
  throw_without_media("writing " + path.string());
}

void VideoWriter::write(std::span<const std::uint8_t>) {}

void VideoWriter::finish() {}
#endif

VideoWriter::~VideoWriter() = default;
VideoWriter::VideoWriter(VideoWriter&&) noexcept = default;
VideoWriter& VideoWriter::operator=(VideoWriter&&) noexcept = default;

}  // namespace mmi::io
