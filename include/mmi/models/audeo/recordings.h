#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/registry.h"
#include "mmi/data/dataset.h"

namespace mmi::models::audeo {

inline constexpr std::int64_t kPianoKeys = 88;
inline constexpr int kLowestPitch = 21;
inline constexpr double kFps = 25;
inline constexpr std::int64_t kSampleRateHz = 16000;

/// Keys that a model is trained on, as indices 0..87 (0 = MIDI 21). The published range is 15..65 =
/// MIDI 36..86 = 51 keys.
struct KeyRange {
  std::int64_t min_key = 15;
  std::int64_t max_key = 65;

  std::int64_t count() const {
    return max_key - min_key + 1;
  }

  int low_pitch() const {
    return kLowestPitch + static_cast<int>(min_key);
  }
};

/// One piano video at 25 fps: gray keyboard crops and the roll of its sound.
class MMI_API Recording {
 public:
  virtual ~Recording() = default;
  virtual const std::string& name() const = 0;
  virtual std::int64_t frames() const = 0;

  /// Writes frame `t`, (H,W) uint8; thread-safe.
  virtual void read(std::int64_t t, std::uint8_t* out) const = 0;

  /// Training target: keys that sound, (F,88) uint8 0/1, transcribed from audio.
  virtual torch::Tensor labels() const = 0;

  /// Keys that are held, (F,88) uint8, where known (procedural worlds); undefined otherwise.
  virtual torch::Tensor held() const {
    return {};
  }

  /// What the microphone recorded, (N) float32 at 16 kHz, from the first frame on. DataError for
  /// recordings without sound.
  virtual torch::Tensor audio() const;
};

using RecordingList = std::vector<std::shared_ptr<const Recording>>;

/// The `recordings` slot: where the videos of "train", "valid" and "test" come from.
class MMI_API Recordings {
 public:
  static constexpr const char* kRegistryKind = "recordings";

  struct BuildArgs {
    std::int64_t height = 100;
    std::int64_t width = 900;
  };

  virtual ~Recordings() = default;

  /// Loaded at the first call of a split; throws DataError for an unknown or empty one.
  virtual RecordingList split(const std::string& name) const = 0;

  virtual std::string fingerprint() const = 0;
};

/// Indices of the `count` (odd) frames around `t` among `frames` frames; at the edges the choice of
/// the published inference, with 5: i < 2: (t,t,t,t+1,t+2), i >= F-2: (t-2,t-1,t,t,t).
MMI_API std::vector<std::int64_t> stack_indices(
    std::int64_t t, std::int64_t frames, std::int64_t count = 5);

/// What a frame model looks at.
struct StackShape {
  std::int64_t height = 100;
  std::int64_t width = 900;
  std::int64_t frames = 5;  ///< odd; the label is the middle one's
};

/// Writes the stack around `t`, (frames,H,W) uint8.
MMI_API torch::Tensor read_stack(
    const Recording& recording, std::int64_t t, const StackShape& shape);

/// Every frame of some recordings, except frames / 2 at each end, as training examples:
/// {frames (frames,H,W) uint8, keys (K) uint8}. Thread-safe.
class MMI_API FrameStacks : public data::Dataset {
 public:
  FrameStacks(RecordingList recordings, KeyRange range, const StackShape& shape);

  std::int64_t size() const override;
  TensorDict get(std::int64_t index, Rng& rng) const override;
  std::string fingerprint() const override;

  std::string name() const override {
    return "the recordings' frames";
  }

  torch::Tensor labels() const override;

 private:
  RecordingList recordings_;
  KeyRange range_;
  StackShape shape_;
  std::vector<std::int64_t> first_;  ///< example number of each recording's first example
  torch::Tensor labels_;
};

}  // namespace mmi::models::audeo

MMI_DECLARE_REGISTRY(mmi::models::audeo::Recordings);
