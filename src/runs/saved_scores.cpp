#include "runs/saved_scores.h"

#include <nlohmann/json.hpp>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/base/hash.h"
#include "mmi/base/json_number.h"
#include "mmi/base/version.h"
#include "mmi/io/json.h"

namespace mmi::runs {

using nlohmann::json;

std::filesystem::path SavedScores::file() const {
  const std::string name =
      calibration.empty() ? split : split + "-" + hex(fnv1a64(json(calibration).dump()));
  return run / "scores" / (name + ".json");
}

std::optional<Task::ItemMetrics> SavedScores::read() const {
  if (run.empty() || !std::filesystem::exists(file())) {
    return std::nullopt;
  }
  try {
    const json saved = io::read_json(file());
    if (saved.at("revision").get<std::string>() != source_revision()) {
      return std::nullopt;
    }
    Task::ItemMetrics items;
    for (const json& item : saved.at("items")) {
      Metrics& scores = items.emplace_back(item.at(0).get<std::string>(), Metrics()).second;
      for (const json& score : item.at(1)) {
        scores.emplace_back(score.at(0).get<std::string>(), read_json_number(score.at(1)));
      }
    }
    return items;
  } catch (const json::exception&) {
    return std::nullopt;  // scored anew, and written over
  } catch (const DataError&) {
    return std::nullopt;
  }
}

void SavedScores::write(const Task::ItemMetrics& items) const {
  if (run.empty()) {
    return;
  }
  json list = json::array();
  for (const auto& [item, scores] : items) {
    json values = json::array();
    for (const auto& [metric, value] : scores) {
      values.push_back({metric, json_number(value)});
    }
    list.push_back({item, values});
  }
  mmi::create_directories(file().parent_path());
  atomic_write(
      file(),
      json{{"revision", source_revision()}, {"calibration", calibration}, {"items", list}}.dump());
}

}  // namespace mmi::runs
