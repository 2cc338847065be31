#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/data/dataset.h"
#include "mmi/dsp/stft.h"
#include "mmi/models/audeo/recordings.h"

/// Between rolls and sound: what PerfNet reads and writes (spec §3.5, §3.7).
namespace mmi::models::audeo {

inline constexpr std::int64_t kHopSamples = 256;  ///< 62.5 spectrogram frames a second
inline constexpr std::int64_t kFftSamples = 2048;
inline constexpr std::int64_t kBins = kFftSamples / 2 + 1;

/// The spectrogram's transform: Hann, 2048, hop 256, frame t centred at sample 256 t, silence
/// around.
MMI_API dsp::StftConfig sound_stft();

/// Spectrogram frames of `frames` video frames: floor(2.5 frames).
MMI_API std::int64_t spectrogram_frames(std::int64_t frames);

/// PerfNet's input: (128, T) float32 each.
struct Score {
  torch::Tensor notes;  ///< 1 where a pitch sounds
  torch::Tensor onoff;  ///< +1 where it begins, -1 where it has ended
};

/// roll (F, K) bool or 0/1 at 25 fps whose key 0 is MIDI `low_pitch` -> T = spectrogram_frames(F)
/// frames, each the nearest earlier video frame.
MMI_API Score score_of(const torch::Tensor& roll, int low_pitch);

/// log(1 + |S|^2): waveform (N) at 16 kHz -> (1025, T) float32; `frames` T, padded with silence.
MMI_API torch::Tensor log_spectrogram(const torch::Tensor& waveform, std::int64_t frames);

/// |S| = sqrt(exp(y) - 1), negative y counting as 0, then Griffin-Lim with random first phases:
/// y (1025, T) -> waveform (256 T) at 16 kHz.
MMI_API torch::Tensor invert_log_spectrogram(const torch::Tensor& y, std::int64_t iterations = 60);

/// x (C, T) -> (N, C, window): windows that overlap by a fifth, silence around. A network sees its
/// window's ends less well than its middle; join_windows keeps the middles.
MMI_API torch::Tensor cut_windows(const torch::Tensor& x, std::int64_t window);

/// Back from cut_windows: (N, C, window) -> (C, frames).
MMI_API torch::Tensor join_windows(const torch::Tensor& parts, std::int64_t frames);

/// Windows of scores and of the spectrograms that belong to them: {score (128, W), onoff (128, W),
/// spectrogram (1025, W)} float32. Thread-safe.
class MMI_API ScoreWindows : public data::Dataset {
 public:
  ScoreWindows(std::int64_t window_frames, std::int64_t stride_frames)
      : window_(window_frames), stride_(stride_frames) {}

  /// A recording: roll (F, K) 0/1, waveform (N) at 16 kHz. Returns the number of windows; what does
  /// not fill the last one is padded with silence.
  std::int64_t add(const torch::Tensor& roll, int low_pitch, const torch::Tensor& waveform);

  std::int64_t size() const override {
    return static_cast<std::int64_t>(windows_.size());
  }

  TensorDict get(std::int64_t index, Rng& rng) const override;
  std::string fingerprint() const override;

  std::string name() const override {
    return "the score windows";
  }

 private:
  struct Piece {
    Score score;
    torch::Tensor padded;  ///< waveform with half a transform of silence before it
  };

  std::int64_t window_;
  std::int64_t stride_;
  std::vector<Piece> pieces_;
  std::vector<std::pair<std::size_t, std::int64_t>> windows_;  ///< piece, first frame
};

}  // namespace mmi::models::audeo
