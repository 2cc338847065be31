#include "mmi/train/checkpoint.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "mmi/base/errors.h"
#include "mmi/base/fault.h"
#include "mmi/base/files.h"
#include "mmi/base/hash.h"
#include "mmi/base/json_number.h"
#include "mmi/base/log.h"
#include "mmi/tensor/safetensors.h"

namespace mmi::train {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kFormat = 2;

void sync_directory(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY);
  if (fd >= 0) {
    ::fsync(fd);
    ::close(fd);
  }
}

json trainer_json(const Checkpoint& c) {
  json window = json::object();
  for (const auto& [name, sum] : c.window) {
    window[name] = {json_number(sum.first), sum.second};
  }
  json epoch = json::object();
  for (const auto& [phase, sum] : c.epoch_loss) {
    epoch[phase] = {json_number(sum.first), sum.second};
  }
  return {
      {"format", kFormat},
      {"step", c.step},
      {"best",
       {{"metric", c.best_metric}, {"value", json_number(c.best_value)}, {"step", c.best_step}}},
      {"stale_evaluations", c.stale_evaluations},
      {"skipped", c.skipped},
      {"schedules", c.schedules},
      {"epoch_loss", epoch},
      {"window", window},
      {"world", c.world},
      {"device", c.device},
      {"threads", c.threads}};
}

std::uint32_t file_crc(const fs::path& path) {
  const auto bytes = read_bytes(path, 64ULL << 30);
  return crc32({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::string directory_name(std::int64_t step) {
  return format("step_{:08d}", step);
}

/// Renamed first: nobody sees half of it.
void discard(const fs::path& step) {
  const fs::path doomed = step.string() + format(".tmp-{}", ::getpid());
  std::error_code code(fault_point("discard"), std::generic_category());
  if (!code) {
    fs::rename(step, doomed, code);
  }
  if (!code) {
    fault_point("removal");
    fs::remove_all(doomed, code);
  }
  if (code) {
    log::warning("{} cannot be deleted: {}", step.string(), code.message());
  }
}

}  // namespace

CheckpointStore::CheckpointStore(fs::path directory) : directory_(std::move(directory)) {}

std::vector<std::string> CheckpointStore::steps() const {
  std::vector<std::string> names;
  if (fs::is_directory(directory_)) {
    for (const auto& entry : fs::directory_iterator(directory_)) {
      const std::string name = entry.path().filename().string();
      if (entry.is_directory() && name.rfind("step_", 0) == 0 &&
          name.find(".tmp-") == std::string::npos) {
        names.push_back(name);
      }
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

void CheckpointStore::save(const Checkpoint& checkpoint, bool is_best) {
  std::uint64_t needed = 0;
  for (const auto* tensors : {&checkpoint.model, &checkpoint.ema, &checkpoint.optimizers}) {
    for (const auto& [name, tensor] : *tensors) {
      needed += tensor.nbytes();
    }
  }
  const std::string name = directory_name(checkpoint.step);
  const fs::path target = directory_ / name;
  const fs::path temporary = directory_ / format("{}.tmp-{}", name, ::getpid());
  try {
    mmi::create_directories(directory_);
    if (!fs::exists(target)) {
      const std::uint64_t free = fs::space(directory_).available;
      MMI_CHECK(
          CheckpointError,
          static_cast<double>(free) >= 1.2 * static_cast<double>(needed) &&
              fault_point("space") == 0,
          "the disk is full");
      fs::remove_all(temporary);  // of an earlier process with this number
      mmi::create_directories(temporary);
      save_tensors(
          temporary / "model.safetensors",
          checkpoint.model,
          {{"step", std::to_string(checkpoint.step)}});
      save_tensors(temporary / "optim.safetensors", checkpoint.optimizers);
      if (!checkpoint.ema.empty()) {
        save_tensors(temporary / "ema.safetensors", checkpoint.ema);
      }
      atomic_write(temporary / "trainer.json", trainer_json(checkpoint).dump(1));
      json files = json::object();
      for (const auto& entry : fs::directory_iterator(temporary)) {
        files[entry.path().filename().string()] = {
            {"bytes", entry.file_size()}, {"crc32", hex(file_crc(entry.path()), 8)}};
      }
      const json manifest = {{"format", kFormat}, {"step", checkpoint.step}, {"files", files}};
      atomic_write(temporary / "manifest.json", manifest.dump(1));
      if (const int fault = fault_point("commit"); fault != 0) {
        throw CheckpointError(std::strerror(fault));
      }
      fs::rename(temporary, target);
      sync_directory(directory_);
    }
    atomic_write(directory_ / "last", name + "\n");
    if (is_best) {
      atomic_write(directory_ / "best", name + "\n");
    }
  } catch (const std::exception& error) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw CheckpointError(format(
        "the checkpoint {} cannot be saved: {}; it needs {}, and {} are free: make room, then run "
        "the same command to continue from the last one",
        target.string(),
        error.what(),
        human_size(needed),
        human_size(fs::space(directory_, ignored).available)));
  }
  auto names = steps();
  const auto best = pointer("best");
  for (std::size_t i = 0; i + 2 < names.size(); ++i) {
    if (!best || best->filename() != names[i]) {
      discard(directory_ / names[i]);
    }
  }
}

std::optional<Checkpoint> CheckpointStore::newest() const {
  auto names = steps();
  if (names.empty()) {
    return {};
  }
  std::string problem;
  try {
    if (const auto last = pointer("last")) {
      return load(*last);
    }
    // Killed before the first pointer was written: the folder itself is complete.
    problem = format("{} is missing", (directory_ / "last").string());
  } catch (const Error& error) {
    problem = error.what();
  }
  for (auto at = names.rbegin(); at != names.rend(); ++at) {
    try {
      Checkpoint found = load(directory_ / *at);
      log::warning("{}; continuing from {}", problem, (directory_ / *at).string());
      return found;
    } catch (const Error&) {
      continue;
    }
  }
  throw CheckpointError(format(
      "{}, and no other checkpoint in {} can be read; --again trains from the start",
      problem,
      directory_.string()));
}

bool CheckpointStore::rewind(const Checkpoint& checkpoint) {
  const std::string here = directory_name(checkpoint.step);
  const std::string best = directory_name(checkpoint.best_step);
  const auto names = steps();
  const bool has_best =
      checkpoint.best_step >= 0 && std::find(names.begin(), names.end(), best) != names.end();
  atomic_write(directory_ / "last", here + "\n");
  if (has_best) {
    atomic_write(directory_ / "best", best + "\n");
  } else {
    fs::remove(directory_ / "best");
  }
  for (const std::string& name : names) {
    if (name > here) {
      discard(directory_ / name);
    }
  }
  return has_best || checkpoint.best_step < 0;
}

std::optional<fs::path> CheckpointStore::pointer(const std::string& name) const {
  const fs::path file = directory_ / name;
  if (!fs::exists(file)) {
    return {};
  }
  std::string target = read_text(file, 4096);
  target.erase(std::find(target.begin(), target.end(), '\n'), target.end());
  MMI_CHECK(
      CheckpointError,
      target.rfind("step_", 0) == 0 && target.find('/') == std::string::npos &&
          fs::is_directory(directory_ / target),
      "{} names \"{}\", which is no checkpoint",
      file.string(),
      target);
  return directory_ / target;
}

Checkpoint CheckpointStore::load(const fs::path& directory) {
  try {
    const json manifest = json::parse(read_text(directory / "manifest.json"));
    for (const auto& [file, facts] : manifest.at("files").items()) {
      const fs::path path = directory / file;
      MMI_CHECK(
          CheckpointError,
          fs::exists(path) && fs::file_size(path) == facts.at("bytes").get<std::uintmax_t>() &&
              hex(file_crc(path), 8) == facts.at("crc32").get<std::string>(),
          "{} is damaged or incomplete; use an older checkpoint in {}",
          path.string(),
          directory.parent_path().string());
    }
    const json trainer = json::parse(read_text(directory / "trainer.json"));
    MMI_CHECK(
        CheckpointError,
        trainer.at("format") == kFormat,
        "{} was written in format {}, but this version reads {}",
        directory.string(),
        trainer.at("format").get<int>(),
        kFormat);
    Checkpoint c;
    c.step = trainer.at("step");
    c.best_metric = trainer.at("best").at("metric");
    c.best_value = read_json_number(trainer.at("best").at("value"));
    c.best_step = trainer.at("best").at("step");
    c.stale_evaluations = trainer.at("stale_evaluations");
    c.skipped = trainer.at("skipped");
    c.schedules = trainer.at("schedules");
    for (const auto& [phase, sum] : trainer.at("epoch_loss").items()) {
      c.epoch_loss[phase] = {read_json_number(sum.at(0)), sum.at(1)};
    }
    for (const auto& [name, sum] : trainer.at("window").items()) {
      c.window[name] = {read_json_number(sum.at(0)), sum.at(1)};
    }
    c.world = trainer.at("world");
    c.device = trainer.at("device");
    c.threads = trainer.at("threads");
    c.model = load_tensors(directory / "model.safetensors");
    c.optimizers = load_tensors(directory / "optim.safetensors");
    if (fs::exists(directory / "ema.safetensors")) {
      c.ema = load_tensors(directory / "ema.safetensors");
    }
    return c;
  } catch (const json::exception& error) {
    throw CheckpointError(format("{} is not a checkpoint: {}", directory.string(), error.what()));
  }
}

}  // namespace mmi::train
