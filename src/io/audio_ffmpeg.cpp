#ifdef MMI_WITH_MEDIA
#include <algorithm>
#include <cmath>

#include "io/audio_limits.h"
#include "io/ffmpeg.h"
#include "io/media.h"

namespace mmi::io {
namespace {

class AudioDecoder {
 public:
  AudioDecoder(const std::filesystem::path& path, const AudioReadOptions& options)
      : path_(path), input_(ff::open_input(path, "sound file")) {
    stream_ = ff::best_stream(input_, AVMEDIA_TYPE_AUDIO);
    MMI_CHECK(DataError, stream_ >= 0, "{} holds no sound track", path);
    codec_ = ff::open_decoder(input_, stream_, path, 1);
    // A raw stream may learn its format only from its first packet.
    const AVCodecParameters* const parameters = input_->streams[stream_]->codecpar;
    audio_.sample_rate_hz = parameters->sample_rate;
    audio_.channels = parameters->ch_layout.nb_channels;
    check_audio_format(path.string(), audio_.channels, audio_.sample_rate_hz);
    audio_range(path.string(), {options.start_s, 0}, 0, audio_.sample_rate_hz, audio_.channels);
    begin_ = std::llround(std::min(options.start_s, 1e9) * audio_.sample_rate_hz);
    const double wanted = options.max_duration_s * audio_.sample_rate_hz;
    end_ = wanted > 1e15 ? INT64_MAX : begin_ + std::llround(wanted);
  }

  Audio decode() {
    const ff::Packet packet(av_packet_alloc());
    int result = 0;
    while (position_ < end_ && (result = av_read_frame(input_.get(), packet.get())) >= 0) {
      if (packet->stream_index == stream_) {
        send(packet.get());
      }
      av_packet_unref(packet.get());
    }
    if (result < 0 && result != AVERROR_EOF) {
      ff::check(result, path_, "reading failed");
    }
    if (position_ < end_) {
      send(nullptr);
    }
    if (resampler_ != nullptr) {
      append(nullptr, 0);
    }
    MMI_CHECK(DataError, position_ >= 0, "{}: no sound could be decoded", path_);
    return std::move(audio_);
  }

 private:
  void send(const AVPacket* packet) {
    const int sent = avcodec_send_packet(codec_.get(), packet);
    // One damaged packet (often the first of an mp3) is a gap, not the end.
    if (sent < 0 && sent != AVERROR_EOF && sent != AVERROR_INVALIDDATA) {
      ff::check(sent, path_, "decoding failed");
    }
    for (;;) {
      const int got = avcodec_receive_frame(codec_.get(), frame_.get());
      if (got == AVERROR(EAGAIN) || got == AVERROR_EOF) {
        return;
      }
      ff::check(got, path_, "decoding failed");
      take_frame();
      av_frame_unref(frame_.get());
    }
  }

  void take_frame() {
    if (resampler_ == nullptr) {
      open_resampler();
      const std::int64_t pts = frame_->best_effort_timestamp;
      position_ = 0;
      if (pts != AV_NOPTS_VALUE) {
        const double late = static_cast<double>(pts) * av_q2d(input_->streams[stream_]->time_base) -
                            static_cast<double>(ff::start_time(input_)) / AV_TIME_BASE;
        pad(std::llround(std::clamp(late, 0.0, 3600.0) * audio_.sample_rate_hz));
      }
    }
    append(const_cast<const std::uint8_t**>(frame_->extended_data), frame_->nb_samples);
  }

  void open_resampler() {
    AVChannelLayout layout{};
    av_channel_layout_default(&layout, audio_.channels);
    if (frame_->ch_layout.nb_channels == audio_.channels) {
      av_channel_layout_uninit(&layout);
      ff::check(av_channel_layout_copy(&layout, &frame_->ch_layout), path_, "channel layout");
    }
    SwrContext* made = nullptr;
    const int result = swr_alloc_set_opts2(
        &made,
        &layout,
        AV_SAMPLE_FMT_FLT,
        audio_.sample_rate_hz,
        &frame_->ch_layout,
        static_cast<AVSampleFormat>(frame_->format),
        frame_->sample_rate,
        0,
        nullptr);
    av_channel_layout_uninit(&layout);
    resampler_.reset(made);
    ff::check(result, path_, "sample conversion");
    ff::check(swr_init(made), path_, "sample conversion");
  }

  void append(const std::uint8_t** data, int n_samples) {
    const int room = swr_get_out_samples(resampler_.get(), n_samples);
    ff::check(room, path_, "sample conversion");
    const auto channels = static_cast<std::size_t>(audio_.channels);
    buffer_.resize(static_cast<std::size_t>(room) * channels + channels);
    auto* out = reinterpret_cast<std::uint8_t*>(buffer_.data());
    const int got = swr_convert(resampler_.get(), &out, room, data, n_samples);
    ff::check(got, path_, "sample conversion");
    keep(buffer_.data(), got);
  }

  void pad(std::int64_t n_samples) {
    const std::int64_t skipped = std::min(n_samples, begin_);
    const std::int64_t kept = std::max<std::int64_t>(std::min(n_samples, end_) - skipped, 0);
    audio_.samples.assign(static_cast<std::size_t>(kept * audio_.channels), 0.0F);
    position_ = n_samples;
  }

  /// Keeps what lies in [begin, end).
  void keep(const float* samples, std::int64_t n_samples) {
    const std::int64_t from = std::clamp(begin_ - position_, std::int64_t{0}, n_samples);
    const std::int64_t to = std::clamp(end_ - position_, from, n_samples);
    position_ += n_samples;
    audio_.samples.insert(
        audio_.samples.end(), samples + from * audio_.channels, samples + to * audio_.channels);
    MMI_CHECK(
        DataError,
        static_cast<std::int64_t>(audio_.samples.size()) <= kMaxSamples,
        "{}: more sound than the limit of 2^28 samples: read it in pieces by start_s and "
        "max_duration_s",
        path_);
  }

  ff::Quiet quiet_;
  std::filesystem::path path_;
  ff::Input input_;
  ff::Codec codec_;
  ff::Frame frame_{av_frame_alloc()};
  ff::Swr resampler_;
  int stream_ = -1;
  std::int64_t begin_ = 0;
  std::int64_t end_ = 0;
  std::int64_t position_ = -1;  ///< samples decoded; -1 before the first frame
  std::vector<float> buffer_;
  Audio audio_;
};

}  // namespace

Audio read_audio_by_ffmpeg(const std::filesystem::path& path, const AudioReadOptions& options) {
  return AudioDecoder(path, options).decode();
}

}  // namespace mmi::io
#endif
