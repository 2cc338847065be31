#include "mmi/train/checkpoint.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/base/hash.h"
#include "mmi/tensor/safetensors.h"

namespace mmi::train {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kFormat = 1;

void sync_directory(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY);
  if (fd >= 0) {
    ::fsync(fd);
    ::close(fd);
  }
}

json trainer_json(const Checkpoint& c) {
  return {
      {"format", kFormat},
      {"step", c.step},
      {"best", {{"metric", c.best_metric}, {"value", c.best_value}, {"step", c.best_step}}},
      {"schedules", c.schedules},
      {"epoch_loss", c.epoch_loss},
      {"epoch_batches", c.epoch_batches},
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

}  // namespace

CheckpointStore::CheckpointStore(fs::path directory) : directory_(std::move(directory)) {
  mmi::create_directories(directory_);
  for (const auto& entry : fs::directory_iterator(directory_)) {
    if (entry.path().filename().string().find(".tmp-") != std::string::npos) {
      fs::remove_all(entry.path());
    }
  }
}

void CheckpointStore::save(const Checkpoint& checkpoint, bool is_best) {
  const std::string name = directory_name(checkpoint.step);
  const fs::path target = directory_ / name;
  if (!fs::exists(target)) {
    const fs::path temporary = directory_ / format("{}.tmp-{}", name, ::getpid());
    mmi::create_directories(temporary);
    save_tensors(
        temporary / "model.safetensors",
        checkpoint.model,
        {{"step", std::to_string(checkpoint.step)}});
    save_tensors(temporary / "optim.safetensors", checkpoint.optimizers);
    atomic_write(temporary / "trainer.json", trainer_json(checkpoint).dump(1));
    json files = json::object();
    for (const char* file : {"model.safetensors", "optim.safetensors", "trainer.json"}) {
      files[file] = {
          {"bytes", fs::file_size(temporary / file)},
          {"crc32", hex(file_crc(temporary / file), 8)}};
    }
    const json manifest = {{"format", kFormat}, {"step", checkpoint.step}, {"files", files}};
    atomic_write(temporary / "manifest.json", manifest.dump(1));
    fs::rename(temporary, target);
    sync_directory(directory_);
  }
  atomic_write(directory_ / "last", name + "\n");
  if (is_best) {
    atomic_write(directory_ / "best", name + "\n");
  }
  std::set<std::string> steps;
  for (const auto& entry : fs::directory_iterator(directory_)) {
    if (entry.is_directory()) {
      steps.insert(entry.path().filename().string());
    }
  }
  const auto best = pointer("best");
  while (steps.size() > 2) {
    const std::string oldest = *steps.begin();
    steps.erase(steps.begin());
    if (!best || best->filename() != oldest) {
      fs::remove_all(directory_ / oldest);
    }
  }
}

std::optional<fs::path> CheckpointStore::pointer(const std::string& name) const {
  const fs::path file = directory_ / name;
  if (!fs::exists(file)) {
    return {};
  }
  std::string target = read_text(file);
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
    c.best_value = trainer.at("best").at("value");
    c.best_step = trainer.at("best").at("step");
    c.schedules = trainer.at("schedules");
    c.epoch_loss = trainer.at("epoch_loss");
    c.epoch_batches = trainer.at("epoch_batches");
    c.device = trainer.at("device");
    c.threads = trainer.at("threads");
    c.model = load_tensors(directory / "model.safetensors");
    c.optimizers = load_tensors(directory / "optim.safetensors");
    return c;
  } catch (const json::exception& error) {
    throw CheckpointError(format("{} is not a checkpoint: {}", directory.string(), error.what()));
  }
}

}  // namespace mmi::train
