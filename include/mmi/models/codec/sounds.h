#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/registry.h"

namespace mmi::models::codec {

/// One sound, mono, at the rate that it was asked for.
class MMI_API Sound {
 public:
  virtual ~Sound() = default;
  virtual const std::string& name() const = 0;
  virtual std::int64_t samples() const = 0;

  /// Samples begin .. begin + count - 1, (count) float32 in [-1, 1], zeros outside the sound;
  /// thread-safe.
  virtual torch::Tensor read(std::int64_t begin, std::int64_t count) const = 0;
};

using SoundList = std::vector<std::shared_ptr<const Sound>>;

/// The `sounds` slot: where a codec's training gets its sounds.
class MMI_API Sounds {
 public:
  static constexpr const char* kRegistryKind = "sounds";

  struct BuildArgs {
    std::int64_t sample_rate_hz = 16000;
  };

  virtual ~Sounds() = default;

  /// "train", "valid" or "test"; DataError for another or an empty one.
  virtual SoundList split(const std::string& name) const = 0;

  virtual std::string fingerprint() const = 0;
};

/// A sound in memory, 16 bits a sample.
class MMI_API MemorySound : public Sound {
 public:
  /// `samples` (N) float32 in [-1, 1].
  MemorySound(std::string name, const torch::Tensor& samples);

  const std::string& name() const override {
    return name_;
  }

  std::int64_t samples() const override {
    return samples_.size(0);
  }

  torch::Tensor read(std::int64_t begin, std::int64_t count) const override;

 private:
  std::string name_;
  torch::Tensor samples_;
};

}  // namespace mmi::models::codec

MMI_DECLARE_REGISTRY(mmi::models::codec::Sounds);
