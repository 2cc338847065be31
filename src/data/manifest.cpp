#include "mmi/data/manifest.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/base/hash.h"
#include "mmi/io/audio.h"
#include "mmi/io/json.h"
#include "mmi/io/video.h"

namespace mmi::data {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t kShownProblems = 20;
constexpr std::int64_t kMaxClipBytes = std::int64_t{1} << 31;

/// A key of a line that the reader does not know: part of the example as it is.
TensorDict::Value to_value(const json& value, const std::string& key) {
  if (value.is_string()) {
    return std::vector<std::string>{value.get<std::string>()};
  }
  if (value.is_boolean()) {
    return std::int64_t{value.get<bool>()};
  }
  if (value.is_number_integer()) {
    return value.get<std::int64_t>();
  }
  if (value.is_number()) {
    return torch::tensor(value.get<double>(), torch::kFloat32);
  }
  const auto all = [&](auto kind) {
    return value.is_array() && !value.empty() && std::all_of(value.begin(), value.end(), kind);
  };
  if (all([](const json& item) { return item.is_string(); })) {
    return value.get<std::vector<std::string>>();
  }
  if (all([](const json& item) { return item.is_number_integer(); })) {
    return torch::tensor(value.get<std::vector<std::int64_t>>());
  }
  if (all([](const json& item) { return item.is_number(); })) {
    return torch::tensor(value.get<std::vector<float>>());
  }
  throw DataError(
      format("\"{}\" must be a string, a number or a list of one of them that is not empty", key));
}

double seconds(const json& object, const char* key) {
  const auto at = object.find(key);
  if (at == object.end()) {
    return 0;
  }
  MMI_CHECK(
      DataError,
      at->is_number() && std::isfinite(at->get<double>()) && at->get<double>() >= 0,
      "\"{}\" must be a number of seconds, 0 or more",
      key);
  return at->get<double>();
}

std::string text_of(const json& object, const char* key, const std::string& otherwise) {
  const auto at = object.find(key);
  if (at == object.end()) {
    return otherwise;
  }
  MMI_CHECK(DataError, at->is_string(), "\"{}\" must be a string", key);
  return at->get<std::string>();
}

/// (N,H,W,C) bytes as (N,H,W) or (N,3,H,W).
torch::Tensor channels_first(const torch::Tensor& pictures) {
  return pictures.size(3) == 1 ? pictures.squeeze(3) : pictures.permute({0, 3, 1, 2}).contiguous();
}

torch::Tensor read_frames(
    const fs::path& path, const ManifestConfig& config, double start_s, double duration_s) {
  io::VideoOptions options;
  options.width = static_cast<int>(config.width);
  options.height = static_cast<int>(config.height);
  options.color = config.color;
  options.fps = config.fps;
  options.threads = 1;
  io::VideoReader reader(path, options);
  const std::int64_t first = std::llround(start_s * reader.fps());
  const std::int64_t rest = reader.frame_count() - first;
  const std::int64_t count = duration_s > 0 ? std::llround(duration_s * reader.fps()) : rest;
  MMI_CHECK(
      DataError,
      count > 0 && count <= rest,
      "frames {} to {} are wanted, but the video has {}",
      first,
      first + count,
      reader.frame_count());
  const std::int64_t bytes = std::int64_t{reader.height()} * reader.width() * reader.channels();
  MMI_CHECK(
      DataError,
      count <= kMaxClipBytes / bytes,
      "the clip would take {} of memory; give duration_s, height and width",
      human_size(static_cast<std::uint64_t>(count * bytes)));
  torch::Tensor frames =
      torch::empty({count, reader.height(), reader.width(), reader.channels()}, torch::kUInt8);
  reader.seek_frame(first);
  io::VideoFrame frame;
  for (std::int64_t i = 0; i < count; ++i) {
    MMI_CHECK(DataError, reader.next(frame), "the video ends after {} frames", first + i);
    std::copy(
        frame.data.begin(), frame.data.end(), frames.mutable_data_ptr<std::uint8_t>() + i * bytes);
  }
  return channels_first(frames);
}

void read_sound(
    const fs::path& path,
    const ManifestConfig& config,
    double start_s,
    double duration_s,
    TensorDict& example) {
  io::AudioReadOptions options;
  options.start_s = start_s;
  if (duration_s > 0) {
    options.max_duration_s = duration_s;
  }
  io::Audio audio = io::read_audio(path, options);
  if (config.mono) {
    audio = io::to_mono(audio);
  }
  if (config.sample_rate_hz > 0 && audio.sample_rate_hz != config.sample_rate_hz) {
    audio = io::resample(audio, static_cast<int>(config.sample_rate_hz));
  }
  const std::int64_t wanted = std::llround(duration_s * audio.sample_rate_hz);
  const std::int64_t found = audio.length();
  MMI_CHECK(
      DataError,
      found > 0 && found + 1 >= wanted,  // rates that do not divide: one sample less
      "{:.3f} s from {:.3f} s on are wanted, but the sound ends after {:.3f} s of them",
      duration_s,
      start_s,
      audio.duration_s());
  torch::Tensor samples =
      torch::from_blob(audio.samples.data(), {found, audio.channels}, torch::kFloat32).t();
  if (wanted > 0) {
    samples = torch::constant_pad_nd(samples, {0, wanted - found});
  }
  example.set("audio", samples.contiguous().clone());
  example.set("sample_rate_hz", std::int64_t{audio.sample_rate_hz});
}

torch::Tensor read_picture(const fs::path& path, const ManifestConfig& config) {
  io::Image image = io::read_image(path, config.color);
  if (config.height > 0) {
    image = io::resize_area(image, static_cast<int>(config.height), static_cast<int>(config.width));
  }
  const torch::Tensor bytes = torch::from_blob(
      image.data.data(), {1, image.height, image.width, image.channels}, torch::kUInt8);
  return channels_first(bytes)[0].clone();
}

}  // namespace

const config::Schema& ManifestConfig::schema() {
  using C = ManifestConfig;
  static const config::Schema made =
      config::Table<C>("manifest", "clips that a JSONL file lists (docs/own_data.md)")
          .field("file", &C::file, "the JSONL file; its folder is the root of its paths")
          .field("split", &C::split, "only lines of this split (empty: all)")
          .field("media", &C::media, "what is decoded")
          .field("color", &C::color, "of frames and images")
          .field("height", &C::height, "of the picture (0: as it is)", config::between(0, 8192))
          .field("width", &C::width, "of the picture (0: as it is)", config::between(0, 8192))
          .field("fps", &C::fps, "frames a second (0: as they are)", config::between(0, 1000))
          .field(
              "sample_rate_hz",
              &C::sample_rate_hz,
              "of the sound (0: as it is)",
              config::between(0, 768000))
          .field("mono", &C::mono, "the mean of the channels")
          .field("allow_outside_root", &C::allow_outside_root, "paths may leave the root")
          .check([](const C& c, config::Problems& problems) {
            if ((c.height == 0) != (c.width == 0)) {
              problems.add("give height and width, or neither");
            }
          });
  return made;
}

std::string Manifest::place(const Record& record) const {
  return format("{}:{}", config_.file, record.line);
}

Manifest::Manifest(const ManifestConfig& config) : config_(config) {
  MMI_CHECK(ConfigError, !config.file.empty(), "the dataset manifest needs `file:`");
  root_ = fs::weakly_canonical(fs::absolute(config.file).parent_path());
  const std::string text = read_text(config.file);
  std::istringstream lines(text);
  std::vector<std::string> problems;
  std::map<std::string, int> ids;
  std::map<std::string, int> splits;
  std::uint64_t digest = fnv1a64(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) {
      continue;
    }
    try {
      Record record = read_line(line, number);
      const std::string& id = record.extra.strings("id")[0];
      const auto [at, is_new] = ids.emplace(id, number);
      MMI_CHECK(DataError, is_new, "the id \"{}\" is that of line {} too", id, at->second);
      const std::string split =
          record.extra.has("split") ? record.extra.strings("split")[0] : std::string();
      ++splits[split];
      if (config.split.empty() || split == config.split) {
        digest = fnv1a64(format("{} {}", id, fs::file_size(record.path)), digest);
        records_.push_back(std::move(record));
      }
    } catch (const Error& error) {
      problems.push_back(format("{}:{}: {}", config.file, number, error.what()));
    }
  }
  if (!problems.empty()) {
    std::string all;
    for (std::size_t i = 0; i < std::min(problems.size(), kShownProblems); ++i) {
      all += (i == 0 ? "" : "\n") + problems[i];
    }
    throw DataError(
        problems.size() > kShownProblems
            ? format("{}\n… and {} more lines", all, problems.size() - kShownProblems)
            : all);
  }
  std::string known;
  for (const auto& [split, count] : splits) {
    known += (known.empty() ? "\"" : ", \"") + split + "\"";
  }
  MMI_CHECK(
      DataError,
      !records_.empty(),
      "{} has no line of the split \"{}\"; its splits: {}",
      config.file,
      config.split,
      known.empty() ? "none, it is empty" : known);
  fingerprint_ = "manifest " + hex(digest, 16);
}

Manifest::Record Manifest::read_line(const std::string& text, int line) const {
  const json object = io::parse_json(text, "not JSON");
  MMI_CHECK(DataError, object.is_object(), "a line must be an object: {{\"path\": …}}");
  MMI_CHECK(DataError, object.contains("path"), "\"path\" is missing");
  Record record;
  record.line = line;
  const fs::path given = text_of(object, "path", "");
  record.path = fs::weakly_canonical(root_ / given);
  const fs::path inside = record.path.lexically_relative(root_);
  MMI_CHECK(
      DataError,
      config_.allow_outside_root || (!inside.empty() && *inside.begin() != ".."),
      "{} leaves the folder of the manifest; set allow_outside_root: true if that is meant",
      given.string());
  MMI_CHECK(DataError, fs::is_regular_file(record.path), "{}: no such file", given.string());
  record.start_s = seconds(object, "start_s");
  record.duration_s = seconds(object, "duration_s");
  record.extra.set(
      "id",
      std::vector<std::string>{
          text_of(object, "id", format("{}@{}", given.string(), record.start_s))});
  text_of(object, "split", "");
  for (const auto& [key, value] : object.items()) {
    if (key != "id" && key != "path" && key != "start_s" && key != "duration_s") {
      record.extra.set(key, to_value(value, key));
    }
  }
  return record;
}

TensorDict Manifest::get(std::int64_t index, Rng& rng) const {
  const Record& record = records_.at(static_cast<std::size_t>(index));
  TensorDict example = record.extra;
  const auto wants = [&](ManifestMedia media) {
    return config_.media == media ||
           (config_.media == ManifestMedia::kVideoAudio && media != ManifestMedia::kImage);
  };
  try {
    if (wants(ManifestMedia::kVideo)) {
      example.set("frames", read_frames(record.path, config_, record.start_s, record.duration_s));
    }
    if (wants(ManifestMedia::kAudio)) {
      read_sound(record.path, config_, record.start_s, record.duration_s, example);
    }
    if (wants(ManifestMedia::kImage)) {
      example.set("image", read_picture(record.path, config_));
    }
  } catch (const DataError& error) {
    throw DataError(format("{}: {}", place(record), error.what()));
  }
  return example;
}

std::string Manifest::fingerprint() const {
  return fingerprint_;
}

torch::Tensor Manifest::labels() const {
  std::vector<torch::Tensor> rows;
  for (const Record& record : records_) {
    if (!record.extra.has("labels")) {
      return {};
    }
    const auto* row = std::get_if<torch::Tensor>(&record.extra.at("labels"));
    const bool binary = row && row->dim() == 1 && ((*row == 0) | (*row == 1)).all().item<bool>();
    if (!binary || (!rows.empty() && rows[0].sizes() != row->sizes())) {
      return {};
    }
    rows.push_back(row->to(torch::kUInt8));
  }
  return torch::stack(rows);
}

void register_datasets() {
  Registry<Dataset>::get().add<ManifestConfig>(
      "manifest", "clips that a JSONL file lists", [](const ManifestConfig& config, const auto&) {
        return std::make_shared<Manifest>(config);
      });
}

}  // namespace mmi::data
