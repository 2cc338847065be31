#include "mmi/train/metric_log.h"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "mmi/base/errors.h"
#include "mmi/base/fault.h"
#include "mmi/base/files.h"
#include "mmi/base/log.h"
#include "train/tensorboard.h"

namespace mmi::train {
namespace {

using nlohmann::ordered_json;

std::string csv_rows(const MetricLog::Line& line) {
  std::string text;
  for (const auto& [name, value] : line.values) {
    text += format("{},{},{},{}\n", line.step, line.split, name, value);
  }
  return text;
}

std::string event(const MetricLog::Line& line) {
  MetricLog::Values tagged;
  for (const auto& [name, value] : line.values) {
    tagged.emplace_back(line.split + "/" + name, value);
  }
  return tensorboard_scalars(line.time_s, line.step, tagged);
}

}  // namespace

MetricLog::MetricLog(const std::filesystem::path& run, std::int64_t resume_step, bool tensorboard)
    : jsonl_(run / "metrics.jsonl"),
      csv_(run / "metrics.csv"),
      events_(tensorboard ? run / "events.out.tfevents.0.mmi" : std::filesystem::path()),
      warned_(std::chrono::steady_clock::now() - std::chrono::hours(1)) {
  std::string kept;
  if (resume_step > 0 && std::filesystem::exists(jsonl_)) {
    std::istringstream lines(read_text(jsonl_, 4ULL << 30));
    for (std::string line; std::getline(lines, line);) {
      const auto object = ordered_json::parse(line, nullptr, false);
      if (!object.is_discarded() && object.at("step").get<std::int64_t>() <= resume_step) {
        kept += line + "\n";
      }
    }
  }
  atomic_write(jsonl_, kept);
  std::string rows = "step,split,name,value\n";
  std::string events;
  for (const Line& line : read(run)) {
    rows += csv_rows(line);
    events += event(line);
  }
  atomic_write(csv_, rows);
  if (tensorboard) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    atomic_write(events_, tensorboard_header(std::chrono::duration<double>(now).count()) + events);
  }
}

void MetricLog::append(const std::filesystem::path& path, const std::string& text) {
  const int fault = fault_point("log");
  std::ofstream file(path, std::ios::app | std::ios::binary);
  file << text;
  file.flush();
  const int code = fault != 0 ? fault : errno;
  if (file.good() && fault == 0) {
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  if (now - warned_ >= std::chrono::minutes(1)) {
    warned_ = now;
    log::warning(
        "{} cannot be written ({}); training goes on without it",
        path.string(),
        std::strerror(code));
  }
}

void MetricLog::write(std::int64_t step, const std::string& split, const Values& values) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const Line line{step, split, std::chrono::duration<double>(now).count(), values};
  ordered_json object = {{"step", step}, {"split", split}, {"time", line.time_s}};
  for (const auto& [name, value] : values) {
    object[name] = std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr);
  }
  append(jsonl_, object.dump() + "\n");
  append(csv_, csv_rows(line));
  if (!events_.empty()) {
    append(events_, event(line));
  }
}

std::vector<MetricLog::Line> MetricLog::read(const std::filesystem::path& run) {
  std::vector<Line> lines;
  const auto path = run / "metrics.jsonl";
  if (!std::filesystem::exists(path)) {
    return lines;
  }
  std::istringstream text(read_text(path, 4ULL << 30));
  for (std::string row; std::getline(text, row);) {
    const auto object = ordered_json::parse(row, nullptr, false);
    if (object.is_discarded()) {
      continue;  // a line cut off by a crash
    }
    Line line{object.at("step"), object.at("split"), object.value("time", 0.0), {}};
    for (const auto& [name, value] : object.items()) {
      if (name != "step" && name != "split" && name != "time") {
        line.values.emplace_back(name, value.is_null() ? std::nan("") : value.get<double>());
      }
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace mmi::train
