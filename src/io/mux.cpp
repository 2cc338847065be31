#include "io/media.h"
#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/io/video.h"

#ifdef MMI_WITH_MEDIA
#include <cstring>
#include <limits>

#include "io/audio_encoder.h"
#endif

namespace mmi::io {

#ifdef MMI_WITH_MEDIA
namespace {

/// The picture's stream in the output: the same codec data, tag left to the new container.
AVStream* copy_stream(
    const AVStream& from, AVFormatContext* output, const std::filesystem::path& path) {
  AVStream* const to = avformat_new_stream(output, nullptr);
  MMI_ASSERT(to != nullptr);
  ff::check(avcodec_parameters_copy(to->codecpar, from.codecpar), path, "video parameters");
  to->codecpar->codec_tag = 0;
  to->time_base = from.time_base;
  to->avg_frame_rate = from.avg_frame_rate;
  to->r_frame_rate = from.r_frame_rate;
  to->sample_aspect_ratio = from.sample_aspect_ratio;
  std::size_t size = 0;
  const std::uint8_t* const matrix =
      av_stream_get_side_data(&from, AV_PKT_DATA_DISPLAYMATRIX, &size);
  if (matrix != nullptr) {
    std::uint8_t* const copy = av_stream_new_side_data(to, AV_PKT_DATA_DISPLAYMATRIX, size);
    MMI_ASSERT(copy != nullptr);
    std::memcpy(copy, matrix, size);
  }
  return to;
}

void shift(std::int64_t& time, std::int64_t start) {
  if (time != AV_NOPTS_VALUE) {
    time -= start;
  }
}

}  // namespace

void mux_audio(
    const std::filesystem::path& video, const Audio& audio, const std::filesystem::path& out) {
  const ff::Quiet quiet;
  const ff::Input input = ff::open_input(video, "video");
  const int wanted = ff::best_stream(input, AVMEDIA_TYPE_VIDEO);
  MMI_CHECK(DataError, wanted >= 0, "{} holds no video stream", video);
  AtomicFile file(out);
  ff::Output output = open_output(out, file.temporary_path());
  const AVStream& from = *input->streams[wanted];
  const AVStream* const to = copy_stream(from, output.get(), out);
  AudioTrack sound(audio, output.get(), out);
  write_header(output, out);
  const std::int64_t start = av_rescale_q(ff::start_time(input), AV_TIME_BASE_Q, from.time_base);
  const ff::Packet packet(av_packet_alloc());
  int result = 0;
  while ((result = av_read_frame(input.get(), packet.get())) >= 0) {
    if (packet->stream_index == wanted) {
      shift(packet->pts, start);
      shift(packet->dts, start);
      const std::int64_t time = packet->dts != AV_NOPTS_VALUE ? packet->dts : packet->pts;
      if (time != AV_NOPTS_VALUE) {
        sound.write_until(static_cast<double>(time) * av_q2d(from.time_base));
      }
      packet->stream_index = to->index;
      packet->pos = -1;
      av_packet_rescale_ts(packet.get(), from.time_base, to->time_base);
      ff::check(av_interleaved_write_frame(output.get(), packet.get()), out, "writing failed");
    }
    av_packet_unref(packet.get());
  }
  MMI_CHECK(
      DataError, result == AVERROR_EOF, "{}: reading failed: {}", video, ff::error_text(result));
  sound.write_until(std::numeric_limits<double>::infinity());
  finish_output(output, out);
  file.commit();
}
#else
void mux_audio(const std::filesystem::path&, const Audio&, const std::filesystem::path& out) {
  throw_without_media("writing " + out.string());
}
#endif

}  // namespace mmi::io
