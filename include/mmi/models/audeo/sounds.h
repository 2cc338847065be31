#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/registry.h"
#include "mmi/music/note.h"

namespace mmi::models::audeo {

/// One piano recording at 16 kHz with the notes that were played.
class MMI_API ScoredSound {
 public:
  virtual ~ScoredSound() = default;
  virtual const std::string& name() const = 0;

  /// Samples at 16 kHz.
  virtual std::int64_t samples() const = 0;

  /// With offsets when the sound is damped (sustain pedal included).
  virtual const music::Notes& notes() const = 0;

  /// Samples begin .. begin + count - 1, (count) float32 in [-1, 1], zeros outside the recording;
  /// thread-safe.
  virtual torch::Tensor read(std::int64_t begin, std::int64_t count) const = 0;
};

using ScoredSoundList = std::vector<std::shared_ptr<const ScoredSound>>;

/// The `recordings` slot of the transcriber: where the sounds of "train", "valid" and "test" come
/// from.
class MMI_API ScoredSounds {
 public:
  static constexpr const char* kRegistryKind = "scored_sounds";

  struct BuildArgs {};

  virtual ~ScoredSounds() = default;

  /// Throws DataError for an unknown or empty split.
  virtual ScoredSoundList split(const std::string& name) const = 0;

  virtual std::string fingerprint() const = 0;
};

/// A sound in memory, 16 bits a sample.
class MMI_API MemorySound : public ScoredSound {
 public:
  /// `samples` (N) float32 in [-1, 1] or int16.
  MemorySound(std::string name, const torch::Tensor& samples, music::Notes notes = {});

  const std::string& name() const override {
    return name_;
  }

  std::int64_t samples() const override {
    return samples_.size(0);
  }

  const music::Notes& notes() const override {
    return notes_;
  }

  torch::Tensor read(std::int64_t begin, std::int64_t count) const override;

  /// Largest magnitude, 0..1.
  double peak() const;

 private:
  std::string name_;
  torch::Tensor samples_;
  music::Notes notes_;
};

/// A file that is read piece by piece where it is needed; .wav and .flac find a place at once,
/// other formats decode from the start.
class MMI_API FileSound : public ScoredSound {
 public:
  /// DataError for what is no sound.
  FileSound(std::filesystem::path path, music::Notes notes);

  const std::string& name() const override {
    return name_;
  }

  std::int64_t samples() const override {
    return samples_;
  }

  const music::Notes& notes() const override {
    return notes_;
  }

  torch::Tensor read(std::int64_t begin, std::int64_t count) const override;

 private:
  std::filesystem::path path_;
  std::string name_;
  music::Notes notes_;
  std::int64_t rate_hz_ = 0;
  std::int64_t samples_ = 0;
};

/// Decodes a whole file (any format and rate that io::AudioReader reads, the channels averaged) to
/// 16 kHz, in pieces. DataError for a file that is no sound or holds only silence.
MMI_API std::shared_ptr<const MemorySound> read_sound(const std::filesystem::path& path);

}  // namespace mmi::models::audeo

MMI_DECLARE_REGISTRY(mmi::models::audeo::ScoredSounds);
