#ifdef MMI_WITH_MEDIA
#include "io/audio_encoder.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "mmi/base/errors.h"

namespace mmi::io {
namespace {

constexpr int kBitRatePerChannel = 96'000;

/// AAC begins with padding that only mp4 and mov can mark; elsewhere it would shift the picture.
AVCodecID codec_for(const AVOutputFormat& kind) {
  const bool marks_padding = std::strstr(kind.name, "mp4") || std::strstr(kind.name, "mov");
  return marks_padding ? AV_CODEC_ID_AAC : AV_CODEC_ID_PCM_S16LE;
}

/// AAC knows a list of rates only; anything else is resampled to the next higher one.
Audio with_aac_rate(const Audio& audio) {
  constexpr int kRates[] = {
      8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000};
  for (const int rate : kRates) {
    if (rate >= audio.sample_rate_hz) {
      return resample(audio, rate);
    }
  }
  return resample(audio, 96000);
}

}  // namespace

AudioTrack::AudioTrack(
    const Audio& audio, AVFormatContext* output, const std::filesystem::path& path)
    : path_(path), output_(output) {
  MMI_CHECK(
      ConfigError,
      (audio.channels == 1 || audio.channels == 2) && audio.sample_rate_hz > 0,
      "{}: a sound track has 1 or 2 channels, but this one has {} at {} Hz",
      path,
      audio.channels,
      audio.sample_rate_hz);
  const auto bad = std::find_if(audio.samples.begin(), audio.samples.end(), [](float sample) {
    return !std::isfinite(sample);
  });
  MMI_CHECK(
      NumericError,
      bad == audio.samples.end(),
      "{}: sample {} of the sound track is not finite",
      path,
      bad - audio.samples.begin());
  const AVCodecID kind = codec_for(*output->oformat);
  const bool aac = kind == AV_CODEC_ID_AAC;
  const Audio sound = aac ? with_aac_rate(audio) : audio;
  const AVCodec* const encoder = avcodec_find_encoder(kind);
  MMI_CHECK(
      DataError,
      encoder != nullptr,
      "{}: this FFmpeg has no encoder for {}",
      path,
      avcodec_get_name(kind));
  codec_.reset(avcodec_alloc_context3(encoder));
  codec_->sample_rate = sound.sample_rate_hz;
  codec_->sample_fmt = aac ? AV_SAMPLE_FMT_FLTP : AV_SAMPLE_FMT_S16;
  codec_->bit_rate = static_cast<std::int64_t>(kBitRatePerChannel) * sound.channels;
  codec_->time_base = {1, sound.sample_rate_hz};
  codec_->flags |= AV_CODEC_FLAG_BITEXACT;
  codec_->thread_count = 1;
  av_channel_layout_default(&codec_->ch_layout, sound.channels);
  if (output->oformat->flags & AVFMT_GLOBALHEADER) {
    codec_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  }
  ff::check(
      avcodec_open2(codec_.get(), encoder, nullptr), path, "the sound encoder cannot be opened");
  stream_ = avformat_new_stream(output, nullptr);
  MMI_ASSERT(stream_ != nullptr);
  stream_->time_base = codec_->time_base;
  ff::check(
      avcodec_parameters_from_context(stream_->codecpar, codec_.get()), path, "sound parameters");
  encode(sound);
}

void AudioTrack::fill(AVFrame& frame, const Audio& audio, std::int64_t begin) const {
  const auto channels = static_cast<std::size_t>(audio.channels);
  const float* const from = audio.samples.data() + static_cast<std::size_t>(begin) * channels;
  const auto n = static_cast<std::size_t>(frame.nb_samples) * channels;
  if (codec_->sample_fmt == AV_SAMPLE_FMT_S16) {
    auto* const to = reinterpret_cast<std::int16_t*>(frame.data[0]);
    for (std::size_t i = 0; i < n; ++i) {
      to[i] = static_cast<std::int16_t>(
          std::clamp(std::nearbyint(from[i] * 32768.0F), -32768.0F, 32767.0F));
    }
    return;
  }
  for (std::size_t i = 0; i < n; ++i) {
    reinterpret_cast<float*>(frame.data[i % channels])[i / channels] =
        std::clamp(from[i], -1.0F, 1.0F);
  }
}

void AudioTrack::encode(const Audio& audio) {
  const std::int64_t step = codec_->frame_size > 0 ? codec_->frame_size : 1024;
  const ff::Frame frame(av_frame_alloc());
  for (std::int64_t begin = 0; begin < audio.length(); begin += step) {
    const std::int64_t n = std::min(step, audio.length() - begin);
    frame->nb_samples = static_cast<int>(n);
    frame->format = codec_->sample_fmt;
    frame->sample_rate = audio.sample_rate_hz;
    ff::check(av_channel_layout_copy(&frame->ch_layout, &codec_->ch_layout), path_, "sound");
    ff::check(av_frame_get_buffer(frame.get(), 0), path_, "sound");
    frame->pts = begin;
    fill(*frame, audio, begin);
    ff::check(avcodec_send_frame(codec_.get(), frame.get()), path_, "sound encoding failed");
    av_frame_unref(frame.get());
    receive();
  }
  ff::check(avcodec_send_frame(codec_.get(), nullptr), path_, "sound encoding failed");
  receive();
}

void AudioTrack::receive() {
  for (;;) {
    ff::Packet packet(av_packet_alloc());
    const int got = avcodec_receive_packet(codec_.get(), packet.get());
    if (got == AVERROR(EAGAIN) || got == AVERROR_EOF) {
      return;
    }
    ff::check(got, path_, "sound encoding failed");
    packets_.push_back(std::move(packet));
  }
}

void AudioTrack::write_until(double time_s) {
  for (; written_ < packets_.size(); ++written_) {
    AVPacket* const packet = packets_[written_].get();
    if (static_cast<double>(packet->pts) * av_q2d(codec_->time_base) >= time_s) {
      return;
    }
    packet->stream_index = stream_->index;
    av_packet_rescale_ts(packet, codec_->time_base, stream_->time_base);
    ff::check(av_interleaved_write_frame(output_, packet), path_, "writing failed");
  }
}

ff::Output open_output(const std::filesystem::path& path, const std::filesystem::path& temporary) {
  const AVOutputFormat* const kind = av_guess_format(nullptr, path.filename().c_str(), nullptr);
  MMI_CHECK(
      ConfigError,
      kind != nullptr && kind->video_codec != AV_CODEC_ID_NONE && !(kind->flags & AVFMT_NOFILE),
      "{}: no video format has this suffix: name it .mp4, .mov, .mkv or .avi",
      path);
  const std::string url = "file:" + temporary.string();
  AVFormatContext* context = nullptr;
  ff::check(
      avformat_alloc_output_context2(&context, kind, nullptr, url.c_str()),
      path,
      "cannot be written");
  ff::Output output(context);
  ff::check(avio_open(&context->pb, url.c_str(), AVIO_FLAG_WRITE), path, "cannot be written");
  context->flags |= AVFMT_FLAG_BITEXACT;
  return output;
}

void write_header(const ff::Output& output, const std::filesystem::path& path) {
  AVDictionary* options = nullptr;
  if (std::strstr(output->oformat->name, "mp4") || std::strstr(output->oformat->name, "mov")) {
    // The index first, so that a browser can play while loading.
    av_dict_set(&options, "movflags", "+faststart", 0);
  }
  const int result = avformat_write_header(output.get(), &options);
  av_dict_free(&options);
  ff::check(result, path, "the video header cannot be written");
}

void finish_output(ff::Output& output, const std::filesystem::path& path) {
  ff::check(av_write_trailer(output.get()), path, "the video cannot be completed");
  ff::check(avio_closep(&output->pb), path, "the video cannot be completed");
  output.reset();
}

}  // namespace mmi::io
#endif
