#include <algorithm>
#include <cmath>

#include "mmi/base/errors.h"
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
    return "<scene.yaml|scene.obj> [scene …]";
  }

  std::string examples() const override {
    return "mmi rooms check configs/xrir/rooms/living_room.yaml\n"
           "mmi rooms check model.obj scale=0.001 default_material=plasterboard";
  }

  ToolResult run(const ToolCall& call) override {
    MMI_CHECK(
        ConfigError,
        !call.inputs.empty(),
        "mmi rooms check needs a scene: an .obj, or a .yaml that describes one");
    ToolResult result;
    nlohmann::ordered_json scenes = nlohmann::ordered_json::array();
    std::vector<std::string> faulty;
    for (const auto& input : call.inputs) {
      const rooms::Scene scene = open_scene(input, config_);
      rooms::SceneReport report = scene.check();
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
    result.json = nlohmann::ordered_json{{"scenes", scenes}}.dump();
    if (!faulty.empty()) {
      std::string names;
      for (const std::string& name : faulty) {
        names += (names.empty() ? "" : ", ") + name;
      }
      result.problem = format("a simulation of {} would be wrong: mend the problems above", names);
    }
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
  static const config::Schema made =
      scene_table<RoomsCheckConfig>("rooms/check", "what is wrong with a scene");
  return made;
}

std::shared_ptr<Tool> make_rooms_check(const RoomsCheckConfig& config) {
  return std::make_shared<RoomsCheck>(config);
}

}  // namespace mmi::models::xrir
