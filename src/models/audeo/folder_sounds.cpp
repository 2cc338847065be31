#include "models/audeo/folder_sounds.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "mmi/base/errors.h"
#include "mmi/base/hash.h"
#include "mmi/music/midi.h"

namespace mmi::models::audeo {
namespace {

namespace fs = std::filesystem;

struct Pair {
  std::string name;  ///< path below the root, without ending
  fs::path sound;
  fs::path midi;
};

std::string lower_ending(const fs::path& path) {
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  return ending;
}

/// Sounds and MIDI files of equal stem in the same folder (MAESTRO, MAPS MUS/), sorted by name.
/// DataError when there is none.
std::vector<Pair> find_pairs(const fs::path& root) {
  MMI_CHECK(
      DataError,
      fs::is_directory(root),
      "task.recordings.root: {} is not a folder; it must hold recordings (.wav, .flac) beside MIDI "
      "files of the same name",
      root.empty() ? "(empty)" : root.string());
  std::map<std::string, Pair> found;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (!entry.is_regular_file()) {
      continue;
    }
    const std::string ending = lower_ending(entry.path());
    const std::string name = fs::relative(entry.path(), root).replace_extension().string();
    if (ending == ".wav" || ending == ".flac") {
      found[name].sound = entry.path();
    } else if (ending == ".mid" || ending == ".midi") {
      found[name].midi = entry.path();
    }
  }
  std::vector<Pair> pairs;
  for (auto& [name, pair] : found) {
    if (!pair.sound.empty() && !pair.midi.empty()) {
      pair.name = name;
      pairs.push_back(pair);
    }
  }
  MMI_CHECK(
      DataError,
      !pairs.empty(),
      "{} holds no recording (.wav, .flac) with a MIDI file of the same name beside it",
      root.string());
  return pairs;
}

/// A top folder of this name is that split (MAESTRO's and MAPS' users lay them out so).
std::string named_split(const std::string& name) {
  const std::string top = name.substr(0, name.find('/'));
  if (top == "train" || top == "test") {
    return top;
  }
  return top == "valid" || top == "validation" ? "valid" : "";
}

class FolderSounds : public ScoredSounds {
 public:
  explicit FolderSounds(const FolderSoundsConfig& config) : config_(config) {}

  ScoredSoundList split(const std::string& name) const override {
    MMI_CHECK(
        DataError,
        name == "train" || name == "valid" || name == "test",
        "{} has no split \"{}\"; it has train, valid, test",
        config_.root,
        name);
    ScoredSoundList list;
    const std::vector<Pair> pairs = find_pairs(config_.root);
    const bool laid_out = std::any_of(pairs.begin(), pairs.end(), [](const Pair& pair) {
      return !named_split(pair.name).empty();
    });
    for (const Pair& pair : pairs) {
      if ((laid_out ? named_split(pair.name) : drawn_split(pairs, pair.name)) == name) {
        list.push_back(std::make_shared<FileSound>(
            pair.sound, music::read_notes(pair.midi, config_.sustain_pedal)));
      }
    }
    MMI_CHECK(
        DataError,
        !list.empty(),
        "{} has {} recordings, none for \"{}\": add some, or sort them into folders called train, "
        "valid and test",
        config_.root,
        pairs.size(),
        name);
    return list;
  }

  std::string fingerprint() const override {
    std::string text = "sounds with midi";
    for (const Pair& pair : find_pairs(config_.root)) {
      text += format("\n{} {} {}", pair.name, fs::file_size(pair.sound), fs::file_size(pair.midi));
    }
    return text;
  }

 private:
  /// By the rank of a hash of the names, so that neighbours (one composer, one piano) spread; at
  /// least one each where there are three recordings.
  std::string drawn_split(const std::vector<Pair>& pairs, const std::string& name) const {
    std::vector<std::pair<std::uint64_t, std::string>> order;
    for (const Pair& pair : pairs) {
      order.emplace_back(mix64(fnv1a64(pair.name)), pair.name);
    }
    std::sort(order.begin(), order.end());
    const auto rank =
        std::find_if(
            order.begin(), order.end(), [&](const auto& item) { return item.second == name; }) -
        order.begin();
    const auto share = [&](double part) {
      return part > 0
                 ? std::max<std::int64_t>(1, std::llround(part * static_cast<double>(pairs.size())))
                 : 0;
    };
    if (rank < share(config_.valid_share)) {
      return "valid";
    }
    return rank < share(config_.valid_share) + share(config_.test_share) ? "test" : "train";
  }

  FolderSoundsConfig config_;
};

}  // namespace

const config::Schema& FolderSoundsConfig::schema() {
  using C = FolderSoundsConfig;
  static const config::Schema made =
      config::Table<C>("sound_midi_folder", "recordings with their MIDI files")
          .field("root", &C::root, "folder with .wav or .flac and .mid or .midi of equal names")
          .field(
              "sustain_pedal",
              &C::sustain_pedal,
              "notes last until the pedal comes up, as published")
          .field(
              "valid_share",
              &C::valid_share,
              "of the recordings, where no folders called train, valid and test sort them",
              config::between(0, 0.5))
          .field("test_share", &C::test_share, "likewise", config::between(0, 0.5));
  return made;
}

void register_folder_sounds() {
  Registry<ScoredSounds>::get().add<FolderSoundsConfig>(
      "sound_midi_folder",
      "recordings beside MIDI files of the same name, as in MAESTRO and MAPS",
      [](const FolderSoundsConfig& config, const ScoredSounds::BuildArgs&) {
        return std::make_shared<FolderSounds>(config);
      });
}

}  // namespace mmi::models::audeo
