#include "mmi/data/formats/audeo.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/io/image.h"
#include "mmi/io/npy.h"
#include "mmi/music/midi.h"
#include "mmi/tensor/array.h"

namespace mmi::data::formats {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kUnnumbered = std::numeric_limits<std::int64_t>::max();

// The whole of `text` as a non-negative number.
std::optional<std::int64_t> number_of(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) {
    return std::nullopt;
  }
  return value;
}

// The number after "No." in "Bach Prelude and Fugue No.12 B1".
std::int64_t piece_number(const std::string& video) {
  const std::size_t at = video.find("No.");
  if (at == std::string::npos) {
    return kUnnumbered;
  }
  std::int64_t value = 0;
  const char* begin = video.data() + at + 3;
  const auto [end, error] = std::from_chars(begin, video.data() + video.size(), value);
  return error == std::errc() ? value : kUnnumbered;
}

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> entries;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    entries.push_back(it->path());
  }
  MMI_CHECK(DataError, !error, "{}: cannot be listed: {}", folder, error.message());
  return entries;
}

// "a-b.npz"
std::optional<std::pair<std::int64_t, std::int64_t>> segment_range(const fs::path& path) {
  const std::string stem = path.stem().string();
  const std::size_t dash = stem.find('-');
  if (path.extension() != ".npz" || dash == std::string::npos) {
    return std::nullopt;
  }
  const auto first = number_of(std::string_view(stem).substr(0, dash));
  const auto last = number_of(std::string_view(stem).substr(dash + 1));
  if (!first || !last) {
    return std::nullopt;
  }
  return std::pair(*first, *last);
}

torch::Tensor array_of(
    const std::map<std::string, io::Array>& arrays, const std::string& key, const fs::path& path) {
  const auto found = arrays.find(key);
  std::string names;
  for (const auto& [name, array] : arrays) {
    names += (names.empty() ? "" : ", ") + name;
  }
  MMI_CHECK(DataError, found != arrays.end(), "{}: has no array \"{}\", only {}", path, key, names);
  return to_tensor(found->second);
}

void check_labels(const AudeoLabels& labels, const std::string& place) {
  MMI_CHECK(
      DataError,
      labels.frame.dim() == 1 && labels.label.dim() == 2 &&
          labels.label.size(1) == AudeoLayout::kKeys &&
          labels.frame.size(0) == labels.label.size(0),
      "{}: `frame` must be (N) and `label` (N, 88), but are {} and {} instead",
      place,
      labels.frame.sizes().vec(),
      labels.label.sizes().vec());
}

}  // namespace

AudeoLayout::AudeoLayout(fs::path root) : root_(std::move(root)) {}

std::vector<std::string> AudeoLayout::videos(const std::string& split) const {
  fs::path folder = root_ / "input_images" / split;
  const bool stills = fs::is_directory(folder);
  if (!stills) {
    folder = root_ / "labels" / split;
  }
  MMI_CHECK(
      DataError,
      fs::is_directory(folder),
      "{}: has neither input_images/{} nor labels/{}; point it at a folder in Audeo's layout",
      root_,
      split,
      split);
  std::vector<std::string> names;
  for (const fs::path& entry : entries_of(folder)) {
    if (stills && fs::is_directory(entry)) {
      names.push_back(entry.filename().string());
    } else if (!stills && (entry.extension() == ".npz" || entry.extension() == ".pkl")) {
      names.push_back(entry.stem().string());
    }
  }
  std::sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) {
    return std::tuple(piece_number(a), a) < std::tuple(piece_number(b), b);
  });
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::vector<AudeoFrame> AudeoLayout::frames(
    const std::string& split, const std::string& video) const {
  const fs::path folder = root_ / "input_images" / split / video;
  std::vector<AudeoFrame> found;
  for (const fs::path& entry : entries_of(folder)) {
    const std::string stem = entry.stem().string();
    const fs::path extension = entry.extension();
    if (!stem.starts_with("frame") ||
        (extension != ".jpg" && extension != ".jpeg" && extension != ".png")) {
      continue;
    }
    if (const auto number = number_of(std::string_view(stem).substr(5))) {
      found.push_back({*number, entry});
    }
  }
  std::sort(found.begin(), found.end(), [](const AudeoFrame& a, const AudeoFrame& b) {
    return std::tie(a.number, a.path) < std::tie(b.number, b.path);
  });
  for (std::size_t i = 1; i < found.size(); ++i) {
    MMI_CHECK(
        DataError,
        found[i].number != found[i - 1].number,
        "{}: frame {} exists twice, also as {}: remove one",
        found[i].path,
        found[i].number,
        found[i - 1].path.filename());
  }
  MMI_CHECK(DataError, !found.empty(), "{}: has no frame<N>.jpg", folder);
  return found;
}

AudeoLabels AudeoLayout::labels(const std::string& split, const std::string& video) const {
  // Not replace_extension: names such as "... No.1 B2" hold dots.
  const fs::path stem = root_ / "labels" / split / video;
  const fs::path path = stem.string() + ".npz";
  if (!fs::exists(path)) {
    MMI_CHECK(
        DataError,
        !fs::exists(stem.string() + ".pkl"),
        "{}.pkl is a Python pickle, which C++ does not read: write its twin {} with `frame` (N) "
        "int64 and `label` (N, 88) float32 first (`mmi convert`)",
        stem,
        path.filename());
  }
  const auto arrays = io::read_npz(path);
  AudeoLabels labels;
  labels.frame = array_of(arrays, "frame", path).to(torch::kLong);
  labels.label = array_of(arrays, "label", path).to(torch::kFloat);
  check_labels(labels, path.string());
  const torch::Tensor order = labels.frame.argsort();
  labels.frame = labels.frame.index({order}).contiguous();
  labels.label = labels.label.index({order}).contiguous();
  const std::int64_t count = labels.frame.size(0);
  if (count > 1) {
    const torch::Tensor step = labels.frame.slice(0, 1) - labels.frame.slice(0, 0, count - 1);
    MMI_CHECK(DataError, step.gt(0).all().item<bool>(), "{}: `frame` holds a frame twice", path);
  }
  return labels;
}

fs::path AudeoLayout::audio(const std::string& split, const std::string& video) const {
  return root_ / "audio" / split / (video + ".wav");
}

AudeoVideo AudeoLayout::video(const std::string& split, const std::string& name) const {
  const AudeoLabels all = labels(split, name);
  std::unordered_map<std::int64_t, std::int64_t> row_of;
  const auto* number = all.frame.const_data_ptr<std::int64_t>();
  for (std::int64_t row = 0; row < all.frame.size(0); ++row) {
    row_of[number[row]] = row;
  }
  AudeoVideo result;
  std::vector<std::int64_t> rows;
  for (AudeoFrame& frame : frames(split, name)) {
    if (const auto found = row_of.find(frame.number); found != row_of.end()) {
      rows.push_back(found->second);
      result.frames.push_back(std::move(frame));
    }
  }
  MMI_CHECK(
      DataError,
      !rows.empty(),
      "{}: no still of \"{}\" has a label; the frame numbers of stills and labels must agree",
      root_ / "labels" / split,
      name);
  result.label = all.label.index({torch::tensor(rows)});
  return result;
}

std::vector<AudeoSegment> AudeoLayout::segments(
    const std::string& folder,
    const std::string& split,
    const std::string& video,
    const std::string& key) const {
  std::vector<AudeoSegment> found;
  const fs::path place = root_ / folder / split / video;
  for (const fs::path& entry : entries_of(place)) {
    const auto range = segment_range(entry);
    if (!range) {
      continue;
    }
    const auto [first, last] = *range;
    AudeoSegment segment{first, array_of(io::read_npz(entry), key, entry)};
    // The published last segment may hold fewer rows than its name says.
    MMI_CHECK(
        DataError,
        segment.values.dim() == 2 && segment.values.size(0) > 0 &&
            segment.values.size(0) <= last - first,
        "{}: `{}` must be (F, K) with F in 1..{}, but is {} instead",
        entry,
        key,
        last - first,
        segment.values.sizes().vec());
    found.push_back(std::move(segment));
  }
  MMI_CHECK(DataError, !found.empty(), "{}: has no <a>-<b>.npz", place);
  std::sort(found.begin(), found.end(), [](const AudeoSegment& a, const AudeoSegment& b) {
    return a.first < b.first;
  });
  return found;
}

void AudeoLayout::write_frame(
    const std::string& split,
    const std::string& video,
    std::int64_t number,
    const torch::Tensor& image,
    int jpeg_quality) const {
  MMI_CHECK(
      ShapeError,
      image.dim() == 2 && image.scalar_type() == torch::kUInt8 && number >= 0,
      "a still must be (H, W) uint8, but is {} {} instead",
      image.sizes().vec(),
      std::string(image.dtype().name()));
  const fs::path folder = root_ / "input_images" / split / video;
  mmi::create_directories(folder);
  const torch::Tensor plain = image.to(torch::kCPU).contiguous();
  const auto* pixels = plain.const_data_ptr<std::uint8_t>();
  io::Image still;
  still.height = static_cast<int>(plain.size(0));
  still.width = static_cast<int>(plain.size(1));
  still.channels = 1;
  still.data.assign(pixels, pixels + plain.numel());
  io::write_image(folder / format("frame{}.jpg", number), still, jpeg_quality);
}

void AudeoLayout::write_labels(
    const std::string& split, const std::string& video, const AudeoLabels& labels) const {
  const fs::path folder = root_ / "labels" / split;
  check_labels(labels, video);
  mmi::create_directories(folder);
  io::write_npz(
      folder / (video + ".npz"),
      {{"frame", to_array(labels.frame.to(torch::kLong))},
       {"label", to_array(labels.label.to(torch::kFloat))}});
}

void AudeoLayout::write_segments(
    const std::string& folder,
    const std::string& split,
    const std::string& video,
    std::int64_t first,
    const std::vector<std::pair<std::string, torch::Tensor>>& arrays) const {
  MMI_CHECK(ShapeError, !arrays.empty() && first >= 0, "there is nothing to write for {}", video);
  const std::int64_t frames = arrays[0].second.size(0);
  for (const auto& [key, values] : arrays) {
    MMI_CHECK(
        ShapeError,
        values.dim() == 2 && values.size(0) == frames,
        "\"{}\" must be ({}, K), but is {} instead",
        key,
        frames,
        values.sizes().vec());
  }
  const fs::path place = root_ / folder / split / video;
  mmi::create_directories(place);
  for (std::int64_t begin = 0; begin < frames; begin += kSegmentFrames) {
    const std::int64_t end = std::min(begin + kSegmentFrames, frames);
    std::map<std::string, io::Array> parts;
    for (const auto& [key, values] : arrays) {
      parts[key] = to_array(values.slice(0, begin, end));
    }
    io::write_npz(place / format("{}-{}.npz", first + begin, first + end), parts);
  }
}

music::Notes AudeoLayout::transcription(const std::string& video) const {
  return music::read_notes(root_ / "OF_midi_files" / (video + ".mid"));
}

io::Audio AudeoLayout::sound(const std::string& video) const {
  return io::read_audio(root_ / "Midi_Synth" / (video + ".wav"));
}

void AudeoLayout::write_transcription(const std::string& video, const music::Notes& notes) const {
  mmi::create_directories(root_ / "OF_midi_files");
  music::write_notes(root_ / "OF_midi_files" / (video + ".mid"), notes);
}

void AudeoLayout::write_sound(const std::string& video, const io::Audio& audio) const {
  mmi::create_directories(root_ / "Midi_Synth");
  io::write_wav(root_ / "Midi_Synth" / (video + ".wav"), audio);
}

torch::Tensor read_frame(const AudeoFrame& frame) {
  const io::Image image = io::read_image(frame.path, io::Color::kGray);
  torch::Tensor pixels = torch::empty({image.height, image.width}, torch::kUInt8);
  std::copy(image.data.begin(), image.data.end(), pixels.mutable_data_ptr<std::uint8_t>());
  return pixels;
}

torch::Tensor join_segments(const std::vector<AudeoSegment>& segments, const std::string& source) {
  MMI_CHECK(DataError, !segments.empty(), "{}: has no segments", source);
  std::vector<torch::Tensor> parts;
  std::int64_t next = segments.front().first;
  for (const AudeoSegment& segment : segments) {
    MMI_CHECK(
        DataError,
        segment.first == next,
        "{}: a segment must start at frame {}, but the next one starts at {}",
        source,
        next,
        segment.first);
    parts.push_back(segment.values);
    next += segment.values.size(0);
  }
  return torch::cat(parts);
}

}  // namespace mmi::data::formats
