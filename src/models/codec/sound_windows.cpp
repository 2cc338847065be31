#include "models/codec/sound_windows.h"

#include <algorithm>

namespace mmi::models::codec {
namespace {

constexpr double kSilence = 1e-3;  // root mean square, -60 dBFS
constexpr int kDraws = 4;          // in one sound
constexpr int kSounds = 4;
constexpr std::int64_t kPlaces = 8;

double loudness(const torch::Tensor& window) {
  return window.square().mean().sqrt().item<double>();
}

}  // namespace

SoundWindows::SoundWindows(SoundList sounds, std::int64_t samples, std::string fingerprint)
    : sounds_(std::move(sounds)), samples_(samples), fingerprint_(std::move(fingerprint)) {
  first_.push_back(0);
  for (const auto& sound : sounds_) {
    first_.push_back(first_.back() + std::max<std::int64_t>(1, sound->samples() / samples_));
  }
}

TensorDict SoundWindows::get(std::int64_t index, Rng& rng) const {
  const auto after = std::ranges::upper_bound(first_, index);
  const auto first = static_cast<std::size_t>(after - first_.begin() - 1);
  torch::Tensor audio;
  for (int draw = 0; draw < kDraws * kSounds; ++draw) {
    const Sound& sound =
        *sounds_[(first + static_cast<std::size_t>(draw / kDraws)) % sounds_.size()];
    // A short sound lies anywhere in its window.
    const std::int64_t spare = sound.samples() - samples_;
    const std::int64_t place = rng.integer(std::abs(spare) + 1);
    audio = sound.read(spare < 0 ? -place : place, samples_);
    if (loudness(audio) >= kSilence) {
      break;
    }
  }
  TensorDict example;
  example.set("audio", audio);
  return example;
}

torch::Tensor loudest_window(const Sound& sound, std::int64_t samples) {
  const std::int64_t spare = std::max<std::int64_t>(0, sound.samples() - samples);
  torch::Tensor best;
  double loudest = -1;
  for (std::int64_t i = 0; i < kPlaces; ++i) {
    const auto window = sound.read(spare * i / (kPlaces - 1), samples);
    if (const double loud = loudness(window); loud > loudest) {
      loudest = loud;
      best = window;
    }
    if (spare == 0) {
      break;
    }
  }
  return best;
}

}  // namespace mmi::models::codec
