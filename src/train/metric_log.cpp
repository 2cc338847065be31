#include "mmi/train/metric_log.h"

#include <chrono>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"

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

void append(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::app);
  file << text;
  file.flush();
  MMI_CHECK(DataError, file.good(), "cannot write {}: is the disk full?", path.string());
}

}  // namespace

MetricLog::MetricLog(std::filesystem::path run, std::int64_t resume_step)
    : jsonl_(run / "metrics.jsonl"), csv_(run / "metrics.csv") {
  std::string kept;
  std::string rows = "step,split,name,value\n";
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
  for (const Line& line : read(run)) {
    rows += csv_rows(line);
  }
  atomic_write(csv_, rows);
}

void MetricLog::write(std::int64_t step, const std::string& split, const Values& values) {
  ordered_json object = {{"step", step}, {"split", split}};
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  object["time"] = std::chrono::duration<double>(now).count();
  for (const auto& [name, value] : values) {
    object[name] = std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr);
  }
  append(jsonl_, object.dump() + "\n");
  append(csv_, csv_rows({step, split, values}));
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
    Line line{object.at("step"), object.at("split"), {}};
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
