#include "mmi/models/audeo/sound.h"

#include "mmi/base/errors.h"
#include "mmi/dsp/griffin_lim.h"
#include "mmi/models/audeo/perfnet.h"

namespace mmi::models::audeo {
namespace {

constexpr std::uint64_t kPhaseSeed = 1;

/// (N) -> (1025, T) of a waveform that already has half a transform before its first sample.
torch::Tensor log_power(const torch::Tensor& padded) {
  dsp::StftConfig stft = sound_stft();
  stft.center = false;
  return dsp::power(dsp::stft(padded, stft)).log1p_();
}

torch::Tensor slice_padded(const torch::Tensor& wave, std::int64_t start, std::int64_t count) {
  const std::int64_t have = std::clamp<std::int64_t>(wave.size(0) - start, 0, count);
  torch::Tensor part = torch::zeros({count});
  part.slice(0, 0, have).copy_(wave.slice(0, start, start + have));
  return part;
}

torch::Tensor with_margin(const torch::Tensor& waveform) {
  MMI_CHECK(
      ShapeError,
      waveform.dim() == 1,
      "the waveform must be (N), one channel, but is {}",
      waveform.sizes().vec());
  return torch::constant_pad_nd(waveform.to(torch::kFloat32), {kFftSamples / 2, 0});
}

/// What a window of frames shares with each neighbour.
std::int64_t margin_of(std::int64_t window) {
  return window / 10;
}

std::int64_t samples_of(std::int64_t frames) {
  return (frames - 1) * kHopSamples + kFftSamples;
}

}  // namespace

dsp::StftConfig sound_stft() {
  dsp::StftConfig stft;
  stft.n_fft = kFftSamples;
  stft.hop_samples = kHopSamples;
  stft.pad_mode = dsp::PadMode::kZeros;
  return stft;
}

std::int64_t spectrogram_frames(std::int64_t frames) {
  return frames * kSampleRateHz / (static_cast<std::int64_t>(kFps) * kHopSamples);
}

Score score_of(const torch::Tensor& roll, int low_pitch) {
  MMI_CHECK(
      ShapeError,
      roll.dim() == 2 && low_pitch >= 0 && low_pitch + roll.size(1) <= kMidiPitches,
      "the roll must be (F, K) with K pitches from {} within 0..127, but is {}",
      low_pitch,
      roll.sizes().vec());
  const std::int64_t frames = spectrogram_frames(roll.size(0));
  const torch::Tensor from = (torch::arange(frames) * kHopSamples * static_cast<std::int64_t>(kFps))
                                 .floor_divide(kSampleRateHz);
  Score score;
  score.notes = torch::zeros({kMidiPitches, frames});
  score.notes.slice(0, low_pitch, low_pitch + roll.size(1))
      .copy_(roll.index_select(0, from).gt(0).to(torch::kFloat32).t());
  score.onoff = score.notes.clone();
  score.onoff.slice(1, 1).sub_(score.notes.slice(1, 0, -1));
  return score;
}

torch::Tensor log_spectrogram(const torch::Tensor& waveform, std::int64_t frames) {
  return log_power(slice_padded(with_margin(waveform), 0, samples_of(frames)));
}

torch::Tensor invert_log_spectrogram(const torch::Tensor& y, std::int64_t iterations) {
  dsp::GriffinLimConfig config;
  config.n_iter = iterations;
  config.stft = sound_stft();
  Rng rng(kPhaseSeed);
  const torch::Tensor magnitude = y.to(torch::kFloat32).clamp_min(0).expm1().sqrt();
  // The last frame is centred at the end; one more gives the sound behind it.
  return dsp::griffin_lim(
      torch::constant_pad_nd(magnitude, {0, 1}), config, rng, y.size(1) * kHopSamples);
}

torch::Tensor cut_windows(const torch::Tensor& x, std::int64_t window) {
  const std::int64_t margin = margin_of(window);
  const std::int64_t hop = window - 2 * margin;
  const std::int64_t count = (x.size(1) + hop - 1) / hop;
  return torch::constant_pad_nd(x, {margin, count * hop + margin - x.size(1)})
      .unfold(1, window, hop)
      .permute({1, 0, 2})
      .contiguous();
}

torch::Tensor join_windows(const torch::Tensor& parts, std::int64_t frames) {
  const std::int64_t margin = margin_of(parts.size(2));
  return parts.slice(2, margin, parts.size(2) - margin)
      .permute({1, 0, 2})
      .reshape({parts.size(1), -1})
      .slice(1, 0, frames)
      .contiguous();
}

std::int64_t ScoreWindows::add(
    const torch::Tensor& roll, int low_pitch, const torch::Tensor& waveform) {
  pieces_.push_back({score_of(roll, low_pitch), with_margin(waveform)});
  const std::int64_t frames = pieces_.back().score.notes.size(1);
  std::int64_t count = 0;
  for (std::int64_t start = 0; start == 0 || start + window_ - stride_ < frames; start += stride_) {
    windows_.emplace_back(pieces_.size() - 1, start);
    ++count;
  }
  return count;
}

TensorDict ScoreWindows::get(std::int64_t index, Rng& rng) const {
  const auto [number, start] = windows_[static_cast<std::size_t>(index)];
  const Piece& piece = pieces_[number];
  const std::int64_t have = std::min(window_, piece.score.notes.size(1) - start);
  const auto cut = [&](const torch::Tensor& all) {
    return torch::constant_pad_nd(all.slice(1, start, start + have), {0, window_ - have});
  };
  TensorDict example;
  example.set("score", cut(piece.score.notes));
  example.set("onoff", cut(piece.score.onoff));
  example.set(
      "spectrogram",
      log_power(slice_padded(piece.padded, start * kHopSamples, samples_of(window_))));
  return example;
}

std::string ScoreWindows::fingerprint() const {
  return format("{} score windows", windows_.size());
}

}  // namespace mmi::models::audeo
