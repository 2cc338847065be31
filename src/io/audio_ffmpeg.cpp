#ifdef MMI_WITH_MEDIA
#include <algorithm>
#include <cmath>

#include "io/audio_limits.h"
#include "io/audio_source.h"
#include "io/ffmpeg.h"

namespace mmi::io {
namespace {

class FfmpegSource : public AudioSource {
 public:
  FfmpegSource(const std::filesystem::path& path, const AudioReadOptions& options)
      : AudioSource(options), path_(path) {
    const ff::Quiet quiet;
    input_ = ff::open_input(path, "sound file");
    stream_ = ff::best_stream(input_, AVMEDIA_TYPE_AUDIO);
    MMI_CHECK(DataError, stream_ >= 0, "{} holds no sound track", path);
    for (unsigned i = 0; i < input_->nb_streams; ++i) {
      if (static_cast<int>(i) != stream_) {
        input_->streams[i]->discard = AVDISCARD_ALL;
      }
    }
    codec_ = ff::open_decoder(input_, stream_, path, 1);
    // A raw stream may learn its format only from its first packet.
    const AVCodecParameters* const parameters = input_->streams[stream_]->codecpar;
    sample_rate_hz = parameters->sample_rate;
    channels = parameters->ch_layout.nb_channels;
    check_audio_format(path.string(), channels, sample_rate_hz);
    const double end = ff::announced_end_s(input_, stream_);
    announced = end < 0 ? -1 : samples_of(end);
    to_drop_ = first_sample();
    pending_.channels = channels;
  }

  ~FfmpegSource() override {
    const ff::Quiet quiet;
    codec_.reset();
    input_.reset();
  }

  void read(std::int64_t n, Audio& out) override {
    const ff::Quiet quiet;
    while (n > 0) {
      if (pending_.length() == 0 && !ended_) {
        step();
        continue;
      }
      const std::int64_t taken = std::min(n, pending_.length());
      if (taken == 0) {
        stand_in(std::min(n, tail_), out);
        tail_ -= std::min(n, tail_);
        return;
      }
      const std::int64_t offset = out.length();
      const auto end = pending_.samples.begin() + taken * channels;
      out.samples.insert(out.samples.end(), pending_.samples.begin(), end);
      for (const SampleRange& range : pending_.invalid) {
        if (range.begin < taken) {
          add_range(out, offset + range.begin, offset + std::min(range.end, taken));
        }
      }
      drop(taken);
      n -= taken;
    }
  }

 private:
  std::int64_t samples_of(double seconds) const {
    return std::llround(std::clamp(seconds, 0.0, 1e9) * sample_rate_hz);
  }

  double seconds_now() const {
    return static_cast<double>(std::max<std::int64_t>(timeline_, 0)) / sample_rate_hz;
  }

  /// The first n pending samples of each channel are used up.
  void drop(std::int64_t n) {
    pending_.samples.erase(pending_.samples.begin(), pending_.samples.begin() + n * channels);
    std::vector<SampleRange> rest;
    for (const SampleRange& range : pending_.invalid) {
      if (range.end > n) {
        rest.push_back({std::max<std::int64_t>(range.begin - n, 0), range.end - n});
      }
    }
    pending_.invalid = std::move(rest);
  }

  /// Drops what lies before start_s.
  void trim() {
    const std::int64_t n = std::min(to_drop_, pending_.length());
    if (n > 0) {
      drop(n);
      to_drop_ -= n;
    }
  }

  void step() {
    const int result = av_read_frame(input_.get(), packet_.get());
    if (result < 0) {
      finish(result);
      return;
    }
    if (packet_->stream_index == stream_) {
      send(packet_.get());
    }
    av_packet_unref(packet_.get());
    trim();
  }

  void finish(int result) {
    ended_ = true;
    send(nullptr);
    flush_resampler();
    MMI_CHECK(
        DataError,
        timeline_ >= 0 || (options_.on_error == OnError::kPad && announced > 0),
        "{}: no sound could be decoded",
        path_);
    timeline_ = std::max<std::int64_t>(timeline_, 0);
    const bool read_to_end = result == AVERROR_EOF;
    const std::int64_t missing = announced - timeline_;
    // Where the demuxer noticed nothing, the header may be a little off.
    const std::int64_t allowed =
        read_to_end ? std::max<std::int64_t>(sample_rate_hz / 10, announced / 100) : 0;
    if (lost_ || (announced < 0 ? !read_to_end : missing > allowed)) {
      damage.truncated = true;
      report(format(
          "{} is truncated or damaged: audio stream {} can be read up to {:.3f} s{}{}",
          path_,
          stream_,
          seconds_now(),
          announced < 0 ? ""
                        : format(" of {:.3f} s", static_cast<double>(announced) / sample_rate_hz),
          read_to_end ? "" : format(" ({})", ff::error_text(result))));
      tail_ = std::clamp<std::int64_t>(missing, 0, max_padding(sample_rate_hz, channels));
    }
    trim();
    tail_ = std::max<std::int64_t>(0, tail_ - to_drop_);
  }

  void report_damage(const std::string& reason) {
    lost_ = true;
    ++damage.packets;
    report(format(
        "{}: audio stream {} is damaged near {:.3f} s: {}", path_, stream_, seconds_now(), reason));
  }

  void send(const AVPacket* packet) {
    const int sent = avcodec_send_packet(codec_.get(), packet);
    // The first packet of an mp3 may refer to sound that was cut away.
    if (sent < 0 && sent != AVERROR_EOF && (timeline_ >= 0 || sent != AVERROR_INVALIDDATA)) {
      report_damage(ff::error_text(sent));
    }
    for (int refused = 0; refused < 1000;) {
      const int got = avcodec_receive_frame(codec_.get(), frame_.get());
      if (got == AVERROR(EAGAIN) || got == AVERROR_EOF) {
        return;
      }
      if (got < 0) {
        ++refused;
        report_damage(ff::error_text(got));
        continue;
      }
      take_frame();
      av_frame_unref(frame_.get());
    }
  }

  void take_frame() {
    const bool first = timeline_ < 0;
    timeline_ = std::max<std::int64_t>(timeline_, 0);
    const std::int64_t pts = frame_->best_effort_timestamp;
    if ((first || lost_) && pts != AV_NOPTS_VALUE) {
      const double time_s = static_cast<double>(pts) * av_q2d(input_->streams[stream_]->time_base) -
                            static_cast<double>(ff::start_time(input_)) / AV_TIME_BASE;
      const std::int64_t missing = samples_of(std::min(time_s, 1e9)) - timeline_;
      if (first) {
        // A track that begins later than its video.
        const auto late =
            std::clamp<std::int64_t>(missing, 0, max_padding(sample_rate_hz, channels));
        pending_.samples.resize(static_cast<std::size_t>(late * channels));
        timeline_ = late;
      } else if (missing > 0) {
        replace(std::min(missing, max_padding(sample_rate_hz, channels)));
      }
    }
    lost_ = false;
    if (ff::is_marked_damaged(*frame_)) {
      report_damage("the decoder marked a frame as corrupt");
      lost_ = false;
      replace(av_rescale(frame_->nb_samples, sample_rate_hz, std::max(frame_->sample_rate, 1)));
      return;
    }
    open_resampler();
    append(const_cast<const std::uint8_t**>(frame_->extended_data), frame_->nb_samples);
  }

  void replace(std::int64_t n) {
    stand_in(n, pending_);
    timeline_ += n;
  }

  /// For the format of this frame, which may change within a damaged file.
  void open_resampler() {
    const bool same = resampler_ != nullptr && frame_->format == format_ &&
                      frame_->sample_rate == rate_ &&
                      av_channel_layout_compare(&frame_->ch_layout, &layout_.value) == 0;
    if (same) {
      return;
    }
    flush_resampler();
    check_audio_format(path_.string(), frame_->ch_layout.nb_channels, frame_->sample_rate);
    format_ = frame_->format;
    rate_ = frame_->sample_rate;
    ff::check(av_channel_layout_copy(&layout_.value, &frame_->ch_layout), path_, "channel layout");
    Layout out;
    av_channel_layout_default(&out.value, channels);
    if (frame_->ch_layout.nb_channels == channels) {
      ff::check(av_channel_layout_copy(&out.value, &frame_->ch_layout), path_, "channel layout");
    }
    SwrContext* made = nullptr;
    const int result = swr_alloc_set_opts2(
        &made,
        &out.value,
        AV_SAMPLE_FMT_FLT,
        sample_rate_hz,
        &frame_->ch_layout,
        static_cast<AVSampleFormat>(frame_->format),
        frame_->sample_rate,
        0,
        nullptr);
    resampler_.reset(made);
    ff::check(result, path_, "sample conversion");
    ff::check(swr_init(made), path_, "sample conversion");
  }

  void flush_resampler() {
    if (resampler_ != nullptr) {
      append(nullptr, 0);
      resampler_.reset();
    }
  }

  void append(const std::uint8_t** data, int n_samples) {
    const int room = swr_get_out_samples(resampler_.get(), n_samples);
    ff::check(room, path_, "sample conversion");
    const std::size_t before = pending_.samples.size();
    pending_.samples.resize(before + static_cast<std::size_t>((room + 1) * channels));
    auto* out = reinterpret_cast<std::uint8_t*>(pending_.samples.data() + before);
    const int got = swr_convert(resampler_.get(), &out, room, data, n_samples);
    pending_.samples.resize(before + static_cast<std::size_t>(std::max(got, 0) * channels));
    ff::check(got, path_, "sample conversion");
    timeline_ += got;
  }

  struct Layout {
    AVChannelLayout value{};

    Layout() = default;

    ~Layout() {
      av_channel_layout_uninit(&value);
    }

    Layout(const Layout&) = delete;
    Layout& operator=(const Layout&) = delete;
  };

  std::filesystem::path path_;
  ff::Input input_;
  ff::Codec codec_;
  ff::Packet packet_{av_packet_alloc()};
  ff::Frame frame_{av_frame_alloc()};
  ff::Swr resampler_;
  Layout layout_;  ///< that the resampler expects, with format_ and rate_
  int format_ = -1;
  int rate_ = 0;
  int stream_ = -1;
  Audio pending_;               ///< decoded, not yet read
  std::int64_t to_drop_ = 0;    ///< samples per channel before start_s
  std::int64_t tail_ = 0;       ///< samples per channel that are missing at the end
  std::int64_t timeline_ = -1;  ///< samples since the start of the file; -1 before the first frame
  bool lost_ = false;           ///< something was refused since the last frame
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<AudioSource> open_by_ffmpeg(
    const std::filesystem::path& path, const AudioReadOptions& options) {
  return std::make_unique<FfmpegSource>(path, options);
}

}  // namespace mmi::io
#endif
