#pragma once

#include <string>

#include "mmi/data/dataset.h"
#include "mmi/models/codec/sounds.h"

namespace mmi::models::codec {

/// Random windows of sounds, {audio (N) float32}: as many per epoch as fit into the sounds side by
/// side, each from a place of its own every time. Where a sound is silent another place is drawn,
/// at last in the next sound. Thread-safe.
class MMI_API SoundWindows : public data::Dataset {
 public:
  SoundWindows(SoundList sounds, std::int64_t samples, std::string fingerprint);

  std::int64_t size() const override {
    return first_.back();
  }

  TensorDict get(std::int64_t index, Rng& rng) const override;

  std::string fingerprint() const override {
    return fingerprint_;
  }

  std::string name() const override {
    return "the sound windows";
  }

 private:
  SoundList sounds_;
  std::int64_t samples_;
  std::string fingerprint_;
  std::vector<std::int64_t> first_;  ///< number of each sound's first window; then their count
};

/// (N): the loudest of some evenly spaced windows, for scores.
MMI_API torch::Tensor loudest_window(const Sound& sound, std::int64_t samples);

}  // namespace mmi::models::codec
