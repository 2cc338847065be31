#pragma once

#include <string>
#include <vector>

#include "mmi/data/dataset.h"
#include "mmi/models/audeo/sounds.h"

namespace mmi::models::audeo {

struct ExcerptOptions {
  std::int64_t samples = 327680;  ///< a multiple of 512
  double gain_db = 0;             ///< quieter by up to this
  double noise_dbfs = -100;       ///< white noise from -100 up to this; -100: none
};

/// Random excerpts that begin at a frame, for training: {audio (N) float32, label (T,88) uint8,
/// velocity (T,88) uint8}, see NoteLabels. As many per epoch as fit into the recordings side by
/// side. Thread-safe.
class Excerpts : public data::Dataset {
 public:
  Excerpts(ScoredSoundList sounds, const ExcerptOptions& options, std::string fingerprint);

  std::int64_t size() const override {
    return first_.back();
  }

  TensorDict get(std::int64_t index, Rng& rng) const override;

  std::string fingerprint() const override {
    return fingerprint_;
  }

  std::string name() const override {
    return "the excerpts";
  }

 private:
  ScoredSoundList sounds_;
  ExcerptOptions options_;
  std::string fingerprint_;
  std::vector<std::int64_t> first_;  ///< number of each sound's first excerpt; then their count
};

}  // namespace mmi::models::audeo
