#include "models/codec/folder_sounds.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>

#include "mmi/base/errors.h"
#include "mmi/base/hash.h"
#include "mmi/base/log.h"
#include "mmi/base/progress.h"
#include "mmi/dsp/resample.h"
#include "mmi/io/audio.h"
#include "mmi/models/codec/sounds.h"

namespace mmi::models::codec {
namespace {

namespace fs = std::filesystem;

constexpr double kPieceS = 10;
constexpr double kShortestS = 0.05;

bool is_sound(const fs::path& path) {
  static const std::set<std::string> kinds = {
      ".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aif", ".aiff"};
  std::string ending = path.extension().string();
  std::ranges::transform(
      ending, ending.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return kinds.contains(ending);
}

struct Found {
  std::string name;  ///< path below the folder
  fs::path path;
  std::uint64_t bytes = 0;
};

class FolderSounds : public Sounds {
 public:
  FolderSounds(const FolderSoundsConfig& config, std::int64_t rate_hz)
      : config_(config), rate_hz_(rate_hz) {}

  SoundList split(const std::string& name) const override {
    MMI_CHECK(
        DataError,
        name == "train" || name == "valid" || name == "test",
        "{} has no split \"{}\"; it has train, valid, test",
        config_.path,
        name);
    const std::lock_guard lock(mutex_);
    SoundList& list = loaded_[name];
    if (list.empty()) {
      list = load(name);
    }
    return list;
  }

  std::string fingerprint() const override {
    std::string text = "sounds";
    for (const Found& one : files()) {
      text += mmi::format("\n{} {}", one.name, one.bytes);
    }
    return text;
  }

 private:
  /// In the order of a hash of their names, in which neighbours (one voice, one album) are spread.
  std::vector<Found> files() const {
    MMI_CHECK(
        DataError,
        fs::is_directory(config_.path),
        "task.sounds.path: {} is not a folder; it must hold sounds (.wav, .flac, .ogg, .mp3)",
        config_.path.empty() ? "(empty)" : config_.path);
    std::vector<Found> found;
    for (const auto& entry : fs::recursive_directory_iterator(config_.path)) {
      if (entry.is_regular_file() && is_sound(entry.path())) {
        found.push_back(
            {fs::relative(entry.path(), config_.path).string(), entry.path(), entry.file_size()});
      }
    }
    MMI_CHECK(
        DataError,
        found.size() >= 3,
        "{} holds {} sounds (.wav, .flac, .ogg, .mp3); training, validation and test need one each",
        config_.path,
        found.size());
    std::ranges::sort(
        found, {}, [](const Found& one) { return std::pair(mix64(fnv1a64(one.name)), one.name); });
    return found;
  }

  SoundList load(const std::string& name) const {
    const std::vector<Found> all = files();
    const auto share = [&](double part) {
      return std::max<std::size_t>(
          1, static_cast<std::size_t>(part * static_cast<double>(all.size())));
    };
    const std::size_t valid = share(config_.valid_share);
    const std::size_t test = valid + share(config_.test_share);
    const std::size_t begin = name == "valid" ? 0 : name == "test" ? valid : test;
    const std::size_t end = name == "valid" ? valid : name == "test" ? test : all.size();
    SoundList list;
    std::int64_t samples = 0;
    Progress bar("reading sounds for " + name, static_cast<std::int64_t>(end - begin));
    for (std::size_t i = begin; i < end; ++i) {
      bar.advance();
      torch::Tensor sound;
      try {
        sound = decode(all[i].path);
      } catch (const DataError& error) {
        log::warning("left out: {}", error.what());
        continue;
      }
      if (static_cast<double>(sound.size(0)) < kShortestS * static_cast<double>(rate_hz_)) {
        continue;
      }
      samples += sound.size(0);
      MMI_CHECK(
          DataError,
          samples * 2 <= config_.memory_mb << 20,
          "the sounds below {} take more than sounds.memory_mb = {} MiB of memory: raise it, or "
          "train on a part of them",
          config_.path,
          config_.memory_mb);
      list.push_back(std::make_shared<MemorySound>(all[i].name, sound));
    }
    MMI_CHECK(DataError, !list.empty(), "{} holds no readable sound for {}", config_.path, name);
    return list;
  }

  torch::Tensor decode(const fs::path& path) const {
    io::AudioReader reader(path);
    dsp::ResampleStream stream(reader.sample_rate_hz(), rate_hz_);
    std::vector<torch::Tensor> parts;
    for (io::Audio piece; reader.next(piece, kPieceS);) {
      io::Audio mono = io::to_mono(piece);
      parts.push_back(stream.push(
          torch::from_blob(mono.samples.data(), {mono.length()}, torch::kFloat32).clone(), false));
    }
    parts.push_back(stream.push(torch::empty({0}), true));
    return torch::cat(parts);
  }

  FolderSoundsConfig config_;
  std::int64_t rate_hz_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, SoundList> loaded_;
};

}  // namespace

const config::Schema& FolderSoundsConfig::schema() {
  using C = FolderSoundsConfig;
  static const config::Schema made =
      config::Table<C>("folder", "all sounds below a folder")
          .field("path", &C::path, "searched for .wav, .flac, .ogg, .mp3 …")
          .field("valid_share", &C::valid_share, "of the files", config::between(0, 0.5))
          .field("test_share", &C::test_share, "likewise", config::between(0, 0.5))
          .field("memory_mb", &C::memory_mb, "that decoded sounds may take", config::at_least(1))
          .cosmetic();
  return made;
}

void register_folder_sounds() {
  Registry<Sounds>::get().add<FolderSoundsConfig>(
      "folder",
      "sound files of any format and rate below a folder, decoded into memory",
      [](const FolderSoundsConfig& config, const Sounds::BuildArgs& args) {
        return std::make_shared<FolderSounds>(config, args.sample_rate_hz);
      });
}

}  // namespace mmi::models::codec
