#include <algorithm>
#include <cmath>
#include <map>

#include "mmi/base/errors.h"
#include "mmi/data/formats/acoustic_rooms_check.h"
#include "mmi/worlds/rooms/scene_io.h"
#include "models/xrir/rooms_tools.h"

namespace mmi::models::xrir {
namespace {

namespace rooms = worlds::rooms;

constexpr std::size_t kCorners = 64;  // of an object that are looked at

// Corners of furniture, a little towards its middle, that are outside of the room.
std::vector<std::string> furniture_outside(const rooms::Scene& scene) {
  rooms::Scene shell;
  std::vector<std::vector<Vec3>> corners(scene.objects.size());
  for (const rooms::Polygon& polygon : scene.polygons) {
    const auto object = static_cast<std::size_t>(polygon.object);
    if (object == 0) {
      shell.polygons.push_back(polygon);
    } else if (corners[object].size() < kCorners) {
      corners[object].insert(corners[object].end(), polygon.corners.begin(), polygon.corners.end());
    }
  }
  std::vector<std::string> problems;
  for (std::size_t object = 1; object < corners.size(); ++object) {
    Vec3 middle;
    for (const Vec3 c : corners[object]) {
      middle = middle + (1.0 / static_cast<double>(corners[object].size())) * c;
    }
    const bool inside =
        std::all_of(corners[object].begin(), corners[object].end(), [&](Vec3 corner) {
          return shell.contains(corner + 0.01 * (middle - corner));
        });
    if (!inside) {
      problems.push_back(format("\"{}\" reaches out of the room", scene.objects[object]));
    }
  }
  return problems;
}

constexpr double kTouch = 1e-3;  // metres that surfaces may reach into one another

struct Face {
  const rooms::Polygon* polygon;
  Vec3 normal;
  Vec3 low, high;
};

// Whether the segment from a to b goes through the face, not just as far as it or along its rim.
bool pierces(Vec3 a, Vec3 b, const Face& face) {
  const std::vector<Vec3>& corners = face.polygon->corners;
  const double from = dot(face.normal, a - corners[0]);
  const double to = dot(face.normal, b - corners[0]);
  if (std::min(from, to) > -kTouch || std::max(from, to) < kTouch) {
    return false;
  }
  const Vec3 at = a + (from / (from - to)) * (b - a);
  for (std::size_t i = 0; i < corners.size(); ++i) {
    const Vec3 along = unit(corners[(i + 1) % corners.size()] - corners[i]);
    if (dot(cross(face.normal, along), at - corners[i]) < kTouch) {
      return false;
    }
  }
  return true;
}

std::int64_t edges_through(const Face& from, const Face& face) {
  const std::vector<Vec3>& corners = from.polygon->corners;
  std::int64_t count = 0;
  for (std::size_t i = 0; i < corners.size(); ++i) {
    count += pierces(corners[i], corners[(i + 1) % corners.size()], face) ? 1 : 0;
  }
  return count;
}

// Objects whose surfaces cross one another, or themselves.
std::vector<std::string> crossings(const rooms::Scene& scene) {
  std::vector<Face> faces;
  for (const rooms::Polygon& polygon : scene.polygons) {
    Face face{&polygon, unit(rooms::area_vector(polygon)), polygon.corners[0], polygon.corners[0]};
    for (const Vec3 c : polygon.corners) {
      face.low = {std::min(face.low.x, c.x), std::min(face.low.y, c.y), std::min(face.low.z, c.z)};
      face.high = {
          std::max(face.high.x, c.x), std::max(face.high.y, c.y), std::max(face.high.z, c.z)};
    }
    faces.push_back(face);
  }
  std::sort(
      faces.begin(), faces.end(), [](const Face& a, const Face& b) { return a.low.x < b.low.x; });
  std::map<std::pair<int, int>, std::int64_t> edges;
  for (std::size_t i = 0; i < faces.size(); ++i) {
    const Face& a = faces[i];
    for (std::size_t j = i + 1; j < faces.size() && faces[j].low.x <= a.high.x; ++j) {
      const Face& b = faces[j];
      if (b.low.y <= a.high.y && a.low.y <= b.high.y && b.low.z <= a.high.z &&
          a.low.z <= b.high.z) {
        const std::int64_t found = edges_through(a, b) + edges_through(b, a);
        if (found > 0) {
          edges[std::minmax(a.polygon->object, b.polygon->object)] += found;
        }
      }
    }
  }
  std::vector<std::string> problems;
  for (const auto& [objects, count] : edges) {
    const auto name = [&](int object) {
      return "\"" + scene.objects[static_cast<std::size_t>(object)] + "\"";
    };
    problems.push_back(format(
        "{} crosses {}: {} edges",
        name(objects.second),
        objects.first == objects.second ? "itself" : name(objects.first),
        (count + 1) / 2));  // an edge belongs to two faces
  }
  return problems;
}

std::vector<std::string> row_of(const char* name, const rooms::Bands& bands) {
  std::vector<std::string> row{name};
  for (const float value : bands) {
    row.push_back(format("{:.2f}", value));
  }
  return row;
}

class RoomsCheck : public Tool {
 public:
  explicit RoomsCheck(const RoomsCheckConfig& config) : config_(config) {}

  std::string usage() const override {
    return "<scene.yaml|scene.obj|folder> [scene …]";
  }

  std::string examples() const override {
    return "mmi rooms check configs/xrir/rooms/living_room.yaml\n"
           "mmi rooms check model.obj scale=0.001 default_material=plasterboard\n"
           "mmi rooms check AcousticRooms";
  }

  ToolResult run(const ToolCall& call) override {
    MMI_CHECK(
        ConfigError,
        !call.inputs.empty(),
        "mmi rooms check needs a scene (an .obj, or a .yaml that describes one) or a folder in the "
        "layout of AcousticRooms");
    ToolResult result;
    nlohmann::ordered_json scenes = nlohmann::ordered_json::array();
    nlohmann::ordered_json folders = nlohmann::ordered_json::array();
    std::vector<std::string> faulty;
    std::vector<std::string> stumbling;
    for (const auto& input : call.inputs) {
      if (std::filesystem::is_directory(input)) {
        const auto report =
            data::formats::check_acoustic_rooms(data::formats::AcousticRoomsLayout(input));
        folders.push_back(describe(input, report, result));
        if (!report.problems().empty()) {
          stumbling.push_back(input.string());
        }
        continue;
      }
      const rooms::Scene scene = open_scene(input, config_);
      rooms::SceneReport report = scene.check();
      for (std::string& problem : crossings(scene)) {
        report.problems.push_back(std::move(problem));
      }
      if (report.watertight) {
        for (std::string& problem : furniture_outside(scene)) {
          report.problems.push_back(std::move(problem));
        }
      }
      describe(input, scene, report, result);
      scenes.push_back(json(input, scene, report));
      if (!report.problems.empty()) {
        faulty.push_back(input.string());
      }
      if (call.inputs.size() == 1) {
        result.values = {
            {"volume_m3", report.volume_m3},
            {"surface_m2", report.surface_m2},
            {"open_edges", static_cast<double>(report.open_edges)},
            {"problems", static_cast<double>(report.problems.size())}};
      }
    }
    result.json = nlohmann::ordered_json{{"scenes", scenes}, {"folders", folders}}.dump();
    const auto complain = [&](const std::vector<std::string>& wrong,
                              const std::string& what,
                              const std::string& outcome) {
      std::string names;
      for (const std::string& name : wrong) {
        names += (names.empty() ? "" : ", ") + name;
      }
      if (!wrong.empty()) {
        result.problem += (result.problem.empty() ? "a " : "; a ") + what + " " + names +
                          " would " + outcome + ": mend the problems above";
      }
    };
    complain(faulty, "simulation of", "be wrong");
    complain(stumbling, "training on", "stumble");
    return result;
  }

 private:
  static double schroeder_hz(const rooms::Scene& scene) {
    return 2000 * std::sqrt(middle(scene.eyring_s()) / scene.volume_m3());
  }

  static void describe(
      const std::filesystem::path& input,
      const rooms::Scene& scene,
      const rooms::SceneReport& report,
      ToolResult& result) {
    const Bounds bounds = bounds_of(scene);
    const Vec3 size = bounds.high - bounds.low;
    auto& lines = result.lines;
    if (!lines.empty()) {
      lines.emplace_back();
    }
    lines.push_back(format(
        "{}: {:.2f} x {:.2f} x {:.2f} m, {} polygons, {} pieces of furniture",
        input.string(),
        size.x,
        size.y,
        size.z,
        scene.polygons.size(),
        scene.objects.size() - 1));
    lines.push_back(format(
        "volume {:.2f} m3, surface {:.2f} m2, {}",
        report.volume_m3,
        report.surface_m2,
        report.watertight ? "watertight" : "not watertight"));
    if (report.facing) {
      std::vector<std::vector<std::string>> rows{{"band, Hz"}};
      for (const double hz : rooms::kBandCentres_hz) {
        rows[0].push_back(format("{:g}", hz));
      }
      rows.push_back(row_of("mean absorption", scene.mean_absorption()));
      rows.push_back(row_of("Sabine, s", scene.sabine_s()));
      rows.push_back(row_of("Eyring, s", scene.eyring_s()));
      for (std::string& line : lines_of(rows)) {
        lines.push_back(std::move(line));
      }
      lines.push_back(format(
          "Schroeder frequency {:.0f} Hz: below it, rooms have modes that are not simulated",
          schroeder_hz(scene)));
    }
    for (const std::string& problem : report.problems) {
      lines.push_back("problem: " + problem);
    }
  }

  static nlohmann::ordered_json describe(
      const std::filesystem::path& folder,
      const data::formats::AcousticRoomsReport& report,
      ToolResult& result) {
    const auto range = [](const data::formats::ValueRange& values) {
      return values.min > values.max ? "-" : format("{:.4g} to {:.4g}", values.min, values.max);
    };
    auto& lines = result.lines;
    if (!lines.empty()) {
      lines.emplace_back();
    }
    lines.push_back(format(
        "{}: {} rooms, {} sounds, {} positions, {} depth maps",
        folder.string(),
        report.rooms,
        report.rirs,
        report.metadata,
        report.depths));
    lines.push_back(format(
        "of {} sounds that were read: {} samples, peaks {} dB, sources {} m away",
        report.decoded,
        range(report.length),
        range(report.peak_db),
        range(report.distance_m)));
    for (const std::string& problem : report.problems()) {
      lines.push_back("problem: " + problem);
    }
    return {
        {"folder", folder.string()},
        {"rooms", report.rooms},
        {"sounds", report.rirs},
        {"positions", report.metadata},
        {"depth_maps", report.depths},
        {"read", report.decoded},
        {"problems", report.problems()}};
  }

  static nlohmann::ordered_json json(
      const std::filesystem::path& input,
      const rooms::Scene& scene,
      const rooms::SceneReport& report) {
    nlohmann::ordered_json made = {
        {"scene", input.string()},
        {"volume_m3", report.volume_m3},
        {"surface_m2", report.surface_m2},
        {"watertight", report.watertight},
        {"facing", report.facing},
        {"open_edges", report.open_edges},
        {"objects", scene.objects},
        {"problems", report.problems}};
    if (report.facing) {
      made["absorption"] = scene.mean_absorption();
      made["sabine_s"] = scene.sabine_s();
      made["eyring_s"] = scene.eyring_s();
      made["schroeder_hz"] = schroeder_hz(scene);
    }
    return made;
  }

  RoomsCheckConfig config_;
};

}  // namespace

const config::Schema& RoomsCheckConfig::schema() {
  static const config::Schema made = scene_table<RoomsCheckConfig>(
      "rooms/check", "what is wrong with a scene, or with a folder of rooms");
  return made;
}

std::shared_ptr<Tool> make_rooms_check(const RoomsCheckConfig& config) {
  return std::make_shared<RoomsCheck>(config);
}

}  // namespace mmi::models::xrir
