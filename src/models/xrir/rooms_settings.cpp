#include "models/xrir/rooms_settings.h"

#include <algorithm>
#include <cmath>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/base/json_number.h"
#include "mmi/worlds/rooms/scene_io.h"

namespace mmi::models::xrir {

namespace rooms = worlds::rooms;

rooms::Scene open_scene(const std::filesystem::path& path, const SceneSettings& settings) {
  return rooms::read_scene(path, {settings.scale, settings.default_material});
}

Bounds bounds_of(const rooms::Scene& scene) {
  Bounds bounds{{1e300, 1e300, 1e300}, {-1e300, -1e300, -1e300}};
  for (const rooms::Polygon& polygon : scene.polygons) {
    if (polygon.object != 0) {
      continue;
    }
    for (const Vec3 c : polygon.corners) {
      Vec3& low = bounds.low;
      Vec3& high = bounds.high;
      low = {std::min(low.x, c.x), std::min(low.y, c.y), std::min(low.z, c.z)};
      high = {std::max(high.x, c.x), std::max(high.y, c.y), std::max(high.z, c.z)};
    }
  }
  return bounds;
}

std::string text_of(Vec3 point) {
  return format("({:.2f}, {:.2f}, {:.2f})", point.x, point.y, point.z);
}

void require_air(const rooms::Scene& scene, Vec3 point, const std::string& what) {
  if (scene.contains(point)) {
    return;
  }
  for (std::size_t object = 1; object < scene.objects.size(); ++object) {
    rooms::Scene alone;
    for (const rooms::Polygon& polygon : scene.polygons) {
      if (polygon.object == static_cast<int>(object)) {
        alone.polygons.push_back(polygon);
        alone.polygons.back().object = 0;
      }
    }
    MMI_CHECK(
        DataError,
        !alone.contains(point),
        "{} at {} is inside \"{}\"",
        what,
        text_of(point),
        scene.objects[object]);
  }
  const Bounds bounds = bounds_of(scene);
  throw DataError(format(
      "{} at {} is outside the room, which reaches from {} to {}",
      what,
      text_of(point),
      text_of(bounds.low),
      text_of(bounds.high)));
}

std::vector<std::string> lines_of(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> width;
  for (const auto& row : rows) {
    width.resize(std::max(width.size(), row.size()), 0);
    for (std::size_t i = 0; i < row.size(); ++i) {
      width[i] = std::max(width[i], row[i].size());
    }
  }
  std::vector<std::string> lines;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string space(width[i] - row[i].size(), ' ');
      line += i == 0 ? row[i] + space : "  " + space + row[i];
    }
    lines.push_back(line.substr(0, line.find_last_not_of(' ') + 1));
  }
  return lines;
}

std::string cell(const dsp::RoomMeasure& measure, int decimals) {
  if (!measure.has_value()) {
    return "-";
  }
  const char* const mark = measure.status == dsp::MeasureStatus::kNonlinear ? "~"
                           : measure.status == dsp::MeasureStatus::kLowInr  ? "!"
                                                                            : "";
  return format(
             decimals == 1   ? "{:.1f}"
             : decimals == 2 ? "{:.2f}"
                             : "{:.3f}",
             measure.value) +
         mark;
}

std::string legend(const std::vector<std::vector<std::string>>& rows) {
  const auto any = [&](char mark) {
    return std::any_of(rows.begin(), rows.end(), [&](const auto& row) {
      return std::any_of(row.begin(), row.end(), [&](const std::string& text) {
        return text.size() > 1 && text.back() == mark;
      });
    });
  };
  std::string text;
  if (any('~')) {
    text += "~ the decay is no straight line";
  }
  if (any('!')) {
    text += std::string(text.empty() ? "" : "; ") + "! too near the noise or the end";
  }
  return text;
}

nlohmann::ordered_json json_of(const dsp::RoomMeasures& measures) {
  nlohmann::ordered_json all = nlohmann::ordered_json::object();
  for (const auto& [name, member] : dsp::kRoomMeasures) {
    const dsp::RoomMeasure& measure = measures.*member;
    all[name] = {
        {"value", measure.has_value() ? nlohmann::ordered_json(measure.value) : nullptr},
        {"status", dsp::to_string(measure.status)}};
  }
  all["arrival_s"] = measures.arrival_s;
  all["inr_db"] = json_number(measures.inr_db);
  return all;
}

nlohmann::ordered_json json_of(Vec3 point) {
  return {point.x, point.y, point.z};
}

double middle(const rooms::Bands& bands) {
  return 0.5 * (static_cast<double>(bands[3]) + bands[4]);
}

int whole_rate(double sample_rate_hz) {
  MMI_CHECK(
      ConfigError,
      sample_rate_hz == std::floor(sample_rate_hz) && sample_rate_hz <= 768000,
      "sample_rate_hz must be a whole number up to 768000 for a sound file, but is {}",
      sample_rate_hz);
  return static_cast<int>(sample_rate_hz);
}

void Outputs::add(
    std::filesystem::path path, std::vector<std::uint8_t> bytes, std::string caption) {
  files_.push_back({std::move(path), std::move(bytes), std::move(caption)});
}

void Outputs::add(std::filesystem::path path, const std::string& text, std::string caption) {
  add(std::move(path), std::vector<std::uint8_t>(text.begin(), text.end()), std::move(caption));
}

void Outputs::write(ToolResult& result) const {
  std::vector<std::filesystem::path> fresh;
  try {
    for (const File& file : files_) {
      if (file.path.has_parent_path()) {
        mmi::create_directories(file.path.parent_path());
      }
      const bool existed = std::filesystem::exists(file.path);
      atomic_write(file.path, file.bytes);
      if (!existed) {
        fresh.push_back(file.path);
      }
    }
  } catch (...) {
    for (const auto& path : fresh) {
      std::error_code ignored;
      std::filesystem::remove(path, ignored);
    }
    throw;
  }
  for (const File& file : files_) {
    result.files.push_back({file.path, file.caption});
  }
}

}  // namespace mmi::models::xrir
