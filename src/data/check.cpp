#include "mmi/data/check.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/base/progress.h"
#include "mmi/io/audio.h"
#include "mmi/io/image.h"

namespace mmi::data {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kSheetFrames = 8;
constexpr std::int64_t kSmallestPicture = 8;

std::string type_of(const torch::Tensor& tensor) {
  return std::string(tensor.dtype().name());
}

/// What must be the same in all examples: kind, element type and number of dimensions.
std::string kind_of(const TensorDict::Value& value) {
  if (const auto* tensor = std::get_if<torch::Tensor>(&value)) {
    return format("a {} tensor with {} dimensions", type_of(*tensor), tensor->dim());
  }
  if (std::holds_alternative<std::vector<torch::Tensor>>(value)) {
    return "a list of tensors";
  }
  return std::holds_alternative<std::int64_t>(value) ? "an integer" : "a list of strings";
}

std::string describe(const torch::Tensor& tensor) {
  std::string text = format("{} {}", type_of(tensor), tensor.sizes().vec());
  if (tensor.numel() > 0 && !tensor.is_complex()) {
    const torch::Tensor values = tensor.to(torch::kFloat64);
    text += format(
        ", {:.6g} to {:.6g}, mean {:.6g}",
        values.min().item<double>(),
        values.max().item<double>(),
        values.mean().item<double>());
  }
  return text;
}

std::string describe(const TensorDict::Value& value) {
  if (const auto* tensor = std::get_if<torch::Tensor>(&value)) {
    return describe(*tensor);
  }
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    return format("{}", *number);
  }
  std::string text;
  if (const auto* list = std::get_if<std::vector<torch::Tensor>>(&value)) {
    for (const torch::Tensor& tensor : *list) {
      text += (text.empty() ? "" : "; ") + describe(tensor);
    }
    return format("{} tensors: {}", list->size(), text);
  }
  for (const std::string& word : std::get<std::vector<std::string>>(value)) {
    text += (text.empty() ? "\"" : ", \"") + word + "\"";
  }
  return text;
}

void check_tensor(
    const torch::Tensor& tensor, const std::string& place, std::vector<std::string>& problems) {
  if (tensor.numel() == 0) {
    problems.push_back(format("{} is empty: {}", place, tensor.sizes().vec()));
  } else if (tensor.is_floating_point() && !tensor.isfinite().all().item<bool>()) {
    problems.push_back(format(
        "{} has {} values that are not finite",
        place,
        tensor.isfinite().logical_not().sum().item<std::int64_t>()));
  }
}

/// A tensor as pictures (N,H,W,C) uint8, or nothing when it looks like none: bytes, or floats in
/// [0, 1], with sides of at least 8.
std::optional<torch::Tensor> as_pictures(torch::Tensor tensor) {
  const bool bytes = tensor.scalar_type() == torch::kUInt8;
  if (!(bytes || tensor.is_floating_point()) || tensor.dim() < 2 || tensor.dim() > 4 ||
      tensor.numel() == 0 || (!bytes && tensor.dim() == 2)) {
    return std::nullopt;
  }
  if (!bytes) {
    if (!tensor.isfinite().all().item<bool>() || tensor.min().item<double>() < 0 ||
        tensor.max().item<double>() > 1) {
      return std::nullopt;
    }
    tensor = (tensor * 255).round().to(torch::kUInt8);
  }
  const auto is_colour = [](std::int64_t channels) { return channels == 1 || channels == 3; };
  if (tensor.dim() == 2) {
    tensor = tensor.unsqueeze(0).unsqueeze(3);
  } else if (tensor.dim() == 3) {
    tensor = is_colour(tensor.size(2))   ? tensor.unsqueeze(0)
             : is_colour(tensor.size(0)) ? tensor.permute({1, 2, 0}).unsqueeze(0)
                                         : tensor.unsqueeze(3);
  } else if (!is_colour(tensor.size(3))) {
    tensor = tensor.permute({0, 2, 3, 1});
  }
  const bool fits = is_colour(tensor.size(3)) && tensor.size(1) >= kSmallestPicture &&
                    tensor.size(2) >= kSmallestPicture;
  return fits ? std::optional(tensor) : std::nullopt;
}

/// Rows of at most 8 pictures, an example a row.
void write_sheet(const std::vector<torch::Tensor>& rows, const fs::path& path) {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::vector<torch::Tensor> strips;
  for (const torch::Tensor& row : rows) {
    const torch::Tensor frames = row.slice(0, 0, kSheetFrames).expand({-1, -1, -1, 3});
    // (N,H,W,3) → (H,N·W,3)
    strips.push_back(frames.transpose(0, 1).flatten(1, 2));
    height += strips.back().size(0);
    width = std::max(width, strips.back().size(1));
  }
  const torch::Tensor sheet = torch::full({height, width, 3}, 255, torch::kUInt8);
  std::int64_t y = 0;
  for (const torch::Tensor& strip : strips) {
    sheet.slice(0, y, y + strip.size(0)).slice(1, 0, strip.size(1)).copy_(strip);
    y += strip.size(0);
  }
  const auto* begin = sheet.const_data_ptr<std::uint8_t>();
  io::write_image(
      path, {static_cast<int>(height), static_cast<int>(width), 3, {begin, begin + sheet.numel()}});
}

/// Float tensors (N) or (channels,N) of an example that says its `sample_rate_hz`.
void write_sounds(const TensorDict& example, const fs::path& stem, std::vector<fs::path>& files) {
  const auto* rate = example.has("sample_rate_hz")
                         ? std::get_if<std::int64_t>(&example.at("sample_rate_hz"))
                         : nullptr;
  for (const auto& [name, value] : example) {
    const auto* tensor = std::get_if<torch::Tensor>(&value);
    if (!rate || !tensor || !tensor->is_floating_point() || tensor->dim() < 1 ||
        tensor->dim() > 2 || tensor->numel() == 0 || !tensor->isfinite().all().item<bool>()) {
      continue;
    }
    const torch::Tensor sound = tensor->dim() == 1 ? tensor->unsqueeze(0) : *tensor;
    const torch::Tensor samples = sound.t().to(torch::kFloat32).contiguous();
    files.emplace_back(stem.string() + "_" + name + ".wav");
    io::write_wav(
        files.back(),
        {samples.const_data_ptr<float>(), static_cast<std::size_t>(samples.numel())},
        static_cast<int>(samples.size(1)),
        static_cast<int>(*rate));
  }
}

std::vector<std::int64_t> choose(std::int64_t size, const CheckOptions& options) {
  std::vector<std::int64_t> chosen(static_cast<std::size_t>(size));
  std::iota(chosen.begin(), chosen.end(), 0);
  if (options.limit > 0 && size > options.limit) {
    Rng(options.seed).stream("check").shuffle(chosen);
    chosen.resize(static_cast<std::size_t>(options.limit));
    std::sort(chosen.begin(), chosen.end());
  }
  return chosen;
}

}  // namespace

CheckReport check_dataset(
    const Dataset& dataset, const std::string& name, const CheckOptions& options) {
  CheckReport report;
  std::vector<TensorDict> samples;
  std::map<std::string, std::string> expected;
  const auto attempt = [&](const std::string& place, const auto& body) {
    try {
      body();
    } catch (const Interrupted&) {
      throw;
    } catch (const std::exception& error) {
      const std::string text = error.what();
      report.problems.push_back(place + ": " + text.substr(0, text.find('\n')));
    }
  };
  attempt("size", [&] { report.size = dataset.size(); });
  attempt("fingerprint", [&] { report.fingerprint = dataset.fingerprint(); });
  if (report.size <= 0) {
    report.problems.push_back(format("the dataset has {} examples", report.size));
    return report;
  }
  attempt("labels", [&] {
    const torch::Tensor labels = dataset.labels();
    if (labels.defined() && (labels.dim() != 2 || labels.size(0) != report.size)) {
      report.problems.push_back(format(
          "labels must be ({}, K), one row an example, but are {}",
          report.size,
          labels.sizes().vec()));
    }
  });
  const std::vector<std::int64_t> chosen = choose(report.size, options);
  const std::vector<std::int64_t> shown = {
      chosen.front(), chosen[chosen.size() / 2], chosen.back()};
  Progress bar("checking " + name, static_cast<std::int64_t>(chosen.size()));
  for (const std::int64_t index : chosen) {
    attempt(format("example {}", index), [&] {
      Rng rng = Rng(options.seed).stream("example", static_cast<std::uint64_t>(index));
      const TensorDict example = dataset.get(index, rng);
      std::map<std::string, std::string> kinds;
      std::vector<std::string> lines;
      for (const auto& [key, value] : example) {
        const std::string place = format("example {}: \"{}\"", index, key);
        kinds[key] = kind_of(value);
        if (const auto* tensor = std::get_if<torch::Tensor>(&value)) {
          check_tensor(*tensor, place, report.problems);
        } else if (const auto* list = std::get_if<std::vector<torch::Tensor>>(&value)) {
          for (const torch::Tensor& item : *list) {
            check_tensor(item, place, report.problems);
          }
        }
        lines.push_back(format("{:<16} {}", key, describe(value)));
      }
      if (kinds.empty()) {
        report.problems.push_back(format("example {} holds nothing", index));
      }
      if (expected.empty()) {
        expected = kinds;
      }
      for (const auto& [key, kind] : expected) {
        const auto at = kinds.find(key);
        if (at == kinds.end()) {
          report.problems.push_back(
              format("example {} has no \"{}\", which earlier ones have", index, key));
        } else if (at->second != kind) {
          report.problems.push_back(format(
              "example {}: \"{}\" is {}, but {} in earlier ones", index, key, at->second, kind));
        }
      }
      for (const auto& [key, kind] : kinds) {
        if (!expected.contains(key)) {
          report.problems.push_back(
              format("example {} has \"{}\", which earlier ones have not", index, key));
        }
      }
      if (std::find(shown.begin(), shown.end(), index) != shown.end()) {
        report.samples.emplace_back(index, std::move(lines));
        samples.push_back(example);
      }
    });
    ++report.checked;
    bar.advance();
  }
  if (options.out.empty()) {
    return report;
  }
  mmi::create_directories(options.out);
  std::map<std::string, std::vector<torch::Tensor>> sheets;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    for (const auto& [key, value] : samples[i]) {
      const auto* tensor = std::get_if<torch::Tensor>(&value);
      if (const auto pictures = tensor ? as_pictures(*tensor) : std::nullopt) {
        sheets[key].push_back(*pictures);
      }
    }
    write_sounds(
        samples[i], options.out / format("{}_{}", name, report.samples[i].first), report.files);
  }
  for (const auto& [key, rows] : sheets) {
    report.files.push_back(options.out / (name + "_" + key + ".png"));
    write_sheet(rows, report.files.back());
  }
  return report;
}

}  // namespace mmi::data
