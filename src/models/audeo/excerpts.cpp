#include "models/audeo/excerpts.h"

#include <algorithm>
#include <cmath>

#include "mmi/models/audeo/note_labels.h"
#include "mmi/models/audeo/onsets_frames.h"

namespace mmi::models::audeo {
namespace {

constexpr double kNoNoiseDbfs = -100;

double amplitude(double db) {
  return std::pow(10.0, db / 20);
}

}  // namespace

Excerpts::Excerpts(ScoredSoundList sounds, const ExcerptOptions& options, std::string fingerprint)
    : sounds_(std::move(sounds)), options_(options), fingerprint_(std::move(fingerprint)) {
  first_.push_back(0);
  for (const auto& sound : sounds_) {
    first_.push_back(
        first_.back() + std::max<std::int64_t>(1, sound->samples() / options_.samples));
  }
}

TensorDict Excerpts::get(std::int64_t index, Rng& rng) const {
  const auto after = std::upper_bound(first_.begin(), first_.end(), index);
  const ScoredSound& sound = *sounds_[static_cast<std::size_t>(after - first_.begin() - 1)];
  const std::int64_t spare = std::max<std::int64_t>(0, sound.samples() - options_.samples);
  const std::int64_t frame = rng.integer(spare / kSoundHop + 1);
  torch::Tensor audio = sound.read(frame * kSoundHop, options_.samples);
  if (options_.gain_db > 0) {
    audio.mul_(amplitude(-rng.uniform(0, options_.gain_db)));
  }
  if (options_.noise_dbfs > kNoNoiseDbfs) {
    const double level = amplitude(rng.uniform(kNoNoiseDbfs, options_.noise_dbfs));
    float* sample = audio.mutable_data_ptr<float>();
    for (std::int64_t i = 0; i < audio.numel(); ++i) {
      sample[i] += static_cast<float>(level * rng.normal());
    }
    audio.clamp_(-1, 1);
  }
  const NoteLabels labels = note_labels(sound.notes(), frame, options_.samples / kSoundHop);
  TensorDict example;
  example.set("audio", audio);
  example.set("label", labels.label);
  example.set("velocity", labels.velocity);
  return example;
}

}  // namespace mmi::models::audeo
