#ifdef MMI_WITH_MEDIA
#include "io/video_index.h"

#include <algorithm>
#include <cmath>

#include "mmi/base/errors.h"

namespace mmi::io {
namespace {

constexpr std::size_t kMaxFrames = 20'000'000;

}  // namespace

VideoIndex::VideoIndex(ff::Input& input, int stream, const std::filesystem::path& path) {
  const AVStream* const info = input->streams[stream];
  time_base_ = info->time_base;
  start_ = av_rescale_q(ff::start_time(input), AV_TIME_BASE_Q, time_base_);
  for (unsigned i = 0; i < input->nb_streams; ++i) {
    input->streams[i]->discard = static_cast<int>(i) == stream ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
  }
  const ff::Packet packet(av_packet_alloc());
  std::int64_t last_duration = 0;
  int result = 0;
  ff::take_message();
  while ((result = av_read_frame(input.get(), packet.get())) >= 0) {
    if (const std::string message = ff::take_message(); !message.empty() && complaint_.empty()) {
      complaint_ = format("{} is damaged before byte {}: {}", path, packet->pos, message);
    }
    // Packets before the start of an edit list are decoded, but never shown.
    if (packet->stream_index == stream && !(packet->flags & AV_PKT_FLAG_DISCARD)) {
      MMI_CHECK(DataError, pts_.size() < kMaxFrames, "{} has more than 2e7 frames", path);
      has_times_ = has_times_ && packet->pts != AV_NOPTS_VALUE;
      if (packet->flags & AV_PKT_FLAG_KEY) {
        keys_.push_back({packet->pts, packet->dts == AV_NOPTS_VALUE ? packet->pts : packet->dts});
      }
      if (pts_.empty() || packet->pts >= pts_.back()) {
        last_duration = packet->duration;
      }
      pts_.push_back(packet->pts);
    }
    av_packet_unref(packet.get());
  }
  MMI_CHECK(DataError, !pts_.empty(), "{} holds no video frame", path);
  std::sort(pts_.begin(), pts_.end());
  std::sort(keys_.begin(), keys_.end(), [](const Key& a, const Key& b) { return a.pts < b.pts; });
  has_times_ =
      has_times_ && !keys_.empty() && std::adjacent_find(pts_.begin(), pts_.end()) == pts_.end();
  const AVRational fps = av_guess_frame_rate(input.get(), input->streams[stream], nullptr);
  pts_.shrink_to_fit();
  keys_.shrink_to_fit();
  if (!has_times_) {
    make_up_times(fps);
  } else {
    if (last_duration <= 0) {
      last_duration = fps.num > 0 ? av_rescale_q(1, av_inv_q(fps), time_base_) : 0;
    }
    end_ = pts_.back() + last_duration;
    frame_ticks_ = std::max<std::int64_t>(last_duration, 1);
  }
  find_truncation(input, stream, result, path);
}

void VideoIndex::find_truncation(
    const ff::Input& input, int stream, int result, const std::filesystem::path& path) {
  const double announced = ff::announced_end_s(input, stream);
  const double missing = announced - duration_s();
  const double frame = static_cast<double>(frame_ticks_) * av_q2d(time_base_);
  const bool read_to_end = result == AVERROR_EOF;
  // Where the demuxer noticed nothing, the header may be a little off.
  const double allowed = read_to_end ? std::max({2 * frame, 0.1, 0.01 * announced}) : frame / 2;
  if (announced < 0 ? read_to_end : missing <= allowed) {
    return;
  }
  if (announced > 0 && has_times_ && missing > 0) {
    announced_end_ = start_ + std::llround(std::min(announced, 1e9) / av_q2d(time_base_));
  }
  truncation_ = format(
      "{} is truncated or damaged: video stream {} can be read up to {:.3f} s{}{}",
      path,
      stream,
      duration_s(),
      announced < 0 ? "" : format(" of {:.3f} s", announced),
      read_to_end ? "" : format(" ({})", ff::error_text(result)));
}

void VideoIndex::extend() {
  const std::int64_t missing = (announced_end_ - end_ + frame_ticks_ / 2) / frame_ticks_;
  MMI_CHECK(
      DataError,
      static_cast<double>(announced_end_ - end_) * av_q2d(time_base_) <= ff::kMaxPadding_s &&
          missing + count() <= static_cast<std::int64_t>(kMaxFrames),
      "{}; more than {} s are missing, which is too much to pad: use on_error skip",
      truncation_,
      ff::kMaxPadding_s);
  for (std::int64_t i = 0; i < missing; ++i) {
    pts_.push_back(end_);
    end_ += frame_ticks_;
  }
}

void VideoIndex::make_up_times(AVRational fps) {
  const AVRational rate = fps.num > 0 && fps.den > 0 ? fps : AVRational{25, 1};
  time_base_ = av_inv_q(rate);
  start_ = 0;
  frame_ticks_ = 1;
  for (std::size_t i = 0; i < pts_.size(); ++i) {
    pts_[i] = static_cast<std::int64_t>(i);
  }
  end_ = count();
}

double VideoIndex::seconds(std::int64_t frame) const {
  return static_cast<double>(pts(frame) - start_) * av_q2d(time_base_);
}

double VideoIndex::duration_s() const {
  return static_cast<double>(end_ - start_) * av_q2d(time_base_);
}

std::int64_t VideoIndex::frame_at_or_after(std::int64_t pts) const {
  return std::lower_bound(pts_.begin(), pts_.end(), pts) - pts_.begin();
}

std::int64_t VideoIndex::frame_shown_at(double time_s) const {
  if (time_s >= duration_s()) {
    return count();
  }
  // Rounding of a time that was a frame's own must not lead to the frame before.
  const double position = time_s / av_q2d(time_base_) + 1e-6;
  const auto pts = start_ + static_cast<std::int64_t>(std::floor(position));
  const auto after = std::upper_bound(pts_.begin(), pts_.end(), pts);
  return after == pts_.begin() ? 0 : after - pts_.begin() - 1;
}

VideoIndex::Key VideoIndex::key_before(std::int64_t frame) const {
  const std::int64_t wanted = pts(frame);
  const auto after =
      std::upper_bound(keys_.begin(), keys_.end(), wanted, [](std::int64_t value, const Key& key) {
        return value < key.pts;
      });
  return after == keys_.begin() ? keys_.front() : *std::prev(after);
}

std::vector<std::int64_t> VideoIndex::picks(AVRational fps) const {
  const auto slot = [&](std::int64_t pts) {
    return av_rescale_q_rnd(pts - start_, time_base_, av_inv_q(fps), AV_ROUND_NEAR_INF);
  };
  const std::int64_t total = slot(end_);
  MMI_CHECK(
      ConfigError,
      total <= static_cast<std::int64_t>(kMaxFrames),
      "{} frames a second make {} frames, but at most 2e7 are supported",
      av_q2d(fps),
      total);
  std::vector<std::int64_t> picked;
  for (std::int64_t frame = 0; frame < count(); ++frame) {
    const std::int64_t until = frame + 1 < count() ? slot(pts(frame + 1)) : total;
    while (static_cast<std::int64_t>(picked.size()) < until) {
      picked.push_back(frame);
    }
  }
  return picked;
}

}  // namespace mmi::io
#endif
