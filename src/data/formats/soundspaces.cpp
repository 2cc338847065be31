#include "mmi/data/formats/soundspaces.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"

namespace mmi::data::formats {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kBlank = " \t\r";

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> entries;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    entries.push_back(it->path());
  }
  MMI_CHECK(DataError, !error, "{}: cannot be listed: {}", folder, error.message());
  return entries;
}

/// The whole of `text` as a number.
template <class Number>
std::optional<Number> number_of(std::string_view text) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (;;) {
    line.remove_prefix(std::min(line.find_first_not_of(kBlank), line.size()));
    if (line.empty()) {
      return words;
    }
    words.push_back(line.substr(0, std::min(line.find_first_of(kBlank), line.size())));
    line.remove_prefix(words.back().size());
  }
}

/// NumPy writes ids as floating-point numbers.
SoundSpacesPoint point_of(std::string_view line, const std::string& place) {
  const auto words = words_of(line);
  double numbers[4] = {};
  bool good = words.size() == 4;
  for (std::size_t i = 0; good && i < 4; ++i) {
    const auto number = number_of<double>(words[i]);
    good = number && std::isfinite(*number);
    numbers[i] = number.value_or(0);
  }
  MMI_CHECK(
      DataError,
      good && numbers[0] >= 0 && numbers[0] < 1e9 && numbers[0] == std::floor(numbers[0]),
      "{}: must be id, x, y, z, but is \"{}\"",
      place,
      line.substr(0, 80));
  return {static_cast<std::int64_t>(numbers[0]), {numbers[1], numbers[2], numbers[3]}};
}

}  // namespace

Point3 habitat_position(const SoundSpacesPoint& point, SoundSpacesSet set) {
  const double ears = set == SoundSpacesSet::kReplica ? 1.5528907 : 1.5;
  const auto [x, y, z] = point.position;
  return {x, z - ears, -y};
}

SoundSpacesLayout::SoundSpacesLayout(fs::path root, SoundSpacesSet set)
    : root_(std::move(root)),
      set_(set),
      name_(set == SoundSpacesSet::kReplica ? "replica" : "mp3d") {}

int SoundSpacesLayout::sample_rate_hz() const {
  return set_ == SoundSpacesSet::kReplica ? 44'100 : 16'000;
}

fs::path SoundSpacesLayout::scene_folder(const std::string& scene) const {
  return root_ / "binaural_rirs" / name_ / scene;
}

fs::path SoundSpacesLayout::points_path(const std::string& scene) const {
  return root_ / "metadata" / name_ / scene / "points.txt";
}

fs::path SoundSpacesLayout::rir_path(
    const std::string& scene, int azimuth, SoundSpacesPair pair) const {
  return scene_folder(scene) / std::to_string(azimuth) /
         format("{}-{}.wav", pair.receiver, pair.source);
}

void SoundSpacesLayout::check(const io::Audio& rir, const fs::path& path) const {
  MMI_CHECK(
      DataError,
      rir.channels == 2 && rir.sample_rate_hz == sample_rate_hz() && rir.length() > 0,
      "{}: must have 2 channels of sound at {} Hz, but has {} of {} samples at {} Hz",
      path,
      sample_rate_hz(),
      rir.channels,
      rir.length(),
      rir.sample_rate_hz);
}

std::vector<std::string> SoundSpacesLayout::scenes() const {
  std::vector<std::string> names;
  for (const fs::path& entry : entries_of(scene_folder(""))) {
    if (fs::is_directory(entry)) {
      names.push_back(entry.filename().string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<int> SoundSpacesLayout::azimuths(const std::string& scene) const {
  std::vector<int> found;
  for (const fs::path& entry : entries_of(scene_folder(scene))) {
    const auto azimuth = number_of<int>(entry.filename().string());
    if (azimuth && fs::is_directory(entry)) {
      found.push_back(*azimuth);
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<SoundSpacesPair> SoundSpacesLayout::pairs(const std::string& scene, int azimuth) const {
  std::vector<SoundSpacesPair> found;
  for (const fs::path& entry : entries_of(scene_folder(scene) / std::to_string(azimuth))) {
    const std::string stem = entry.stem().string();
    const std::size_t dash = stem.find('-');
    if (entry.extension() != ".wav" || dash == std::string::npos) {
      continue;
    }
    const auto receiver = number_of<std::int64_t>(std::string_view(stem).substr(0, dash));
    const auto source = number_of<std::int64_t>(std::string_view(stem).substr(dash + 1));
    if (receiver && source && *receiver >= 0 && *source >= 0) {
      found.push_back({*receiver, *source});
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<SoundSpacesPoint> SoundSpacesLayout::points(const std::string& scene) const {
  const fs::path path = points_path(scene);
  const std::string text = read_text(path);
  std::vector<SoundSpacesPoint> found;
  std::set<std::int64_t> ids;
  std::int64_t number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = rest.substr(0, std::min(rest.find('\n'), rest.size()));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    ++number;
    if (line.find_first_not_of(kBlank) == std::string_view::npos) {
      continue;
    }
    const std::string place = format("{}: line {}", path, number);
    found.push_back(point_of(line, place));
    MMI_CHECK(
        DataError,
        ids.insert(found.back().id).second,
        "{}: point {} appears twice",
        place,
        found.back().id);
  }
  MMI_CHECK(DataError, !found.empty(), "{}: has no points", path);
  return found;
}

io::Audio SoundSpacesLayout::binaural(
    const std::string& scene, int azimuth, SoundSpacesPair pair) const {
  const fs::path path = rir_path(scene, azimuth, pair);
  io::Audio found = io::read_audio(path);
  check(found, path);
  return found;
}

io::Audio SoundSpacesLayout::rir(
    const std::string& scene, int azimuth, SoundSpacesPair pair) const {
  return io::to_mono(binaural(scene, azimuth, pair));
}

void SoundSpacesLayout::write_points(
    const std::string& scene, const std::vector<SoundSpacesPoint>& points) const {
  std::string text;
  for (const SoundSpacesPoint& point : points) {
    const auto [x, y, z] = point.position;
    text += format("{}\t{}\t{}\t{}\n", point.id, x, y, z);
  }
  mmi::create_directories(points_path(scene).parent_path());
  atomic_write(points_path(scene), text);
}

void SoundSpacesLayout::write_rir(
    const std::string& scene, int azimuth, SoundSpacesPair pair, const io::Audio& rir) const {
  const fs::path path = rir_path(scene, azimuth, pair);
  check(rir, path);
  mmi::create_directories(path.parent_path());
  io::write_wav(path, rir, io::WavType::kFloat32);
}

}  // namespace mmi::data::formats
