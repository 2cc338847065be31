#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/data/dataset.h"
#include "mmi/io/image.h"

namespace mmi::data {

enum class ManifestMedia { kVideo, kAudio, kVideoAudio, kImage };

struct MMI_API ManifestConfig {
  std::string file;
  std::string split;
  ManifestMedia media = ManifestMedia::kVideo;
  io::Color color = io::Color::kRgb;
  std::int64_t height = 0;
  std::int64_t width = 0;
  double fps = 0;
  std::int64_t sample_rate_hz = 0;
  bool mono = true;
  bool allow_outside_root = false;

  static const config::Schema& schema();
};

/// Clips that a JSONL file lists, one object a line: `path` (relative to the file), and optional
/// `id`, `start_s`, `duration_s`, `split`; whatever else a line holds is part of the example:
/// strings, numbers, lists of numbers (a tensor) or of strings. An example is
///   id string · frames (T,H,W) gray or (T,3,H,W) uint8 · audio (C,N) float32, sample_rate_hz
///   · image (H,W) or (3,H,W) uint8
/// of which `media` chooses. `labels` of equally many 0 and 1 in every line serve class-balanced
/// sampling. The constructor reads and checks every line: one DataError names all that are wrong,
/// each with file:line. Thread-safe.
class MMI_API Manifest : public Dataset {
 public:
  explicit Manifest(const ManifestConfig& config);

  std::int64_t size() const override {
    return static_cast<std::int64_t>(records_.size());
  }

  TensorDict get(std::int64_t index, Rng& rng) const override;
  std::string fingerprint() const override;
  torch::Tensor labels() const override;

 private:
  struct Record {
    int line = 0;
    std::filesystem::path path;
    double start_s = 0;
    double duration_s = 0;  ///< 0: to the end
    TensorDict extra;       ///< with "id"
  };

  Record read_line(const std::string& text, int line) const;
  std::string place(const Record& record) const;

  ManifestConfig config_;
  std::filesystem::path root_;
  std::vector<Record> records_;
  std::string fingerprint_;
};

/// Fills the dataset registry.
MMI_API void register_datasets();

}  // namespace mmi::data

template <>
struct mmi::config::EnumNames<mmi::data::ManifestMedia> {
  static constexpr std::array<std::pair<const char*, mmi::data::ManifestMedia>, 4> names{{
      {"video", mmi::data::ManifestMedia::kVideo},
      {"audio", mmi::data::ManifestMedia::kAudio},
      {"video+audio", mmi::data::ManifestMedia::kVideoAudio},
      {"image", mmi::data::ManifestMedia::kImage},
  }};
};

template <>
struct mmi::config::EnumNames<mmi::io::Color> {
  static constexpr std::array<std::pair<const char*, mmi::io::Color>, 2> names{{
      {"gray", mmi::io::Color::kGray},
      {"rgb", mmi::io::Color::kRgb},
  }};
};
