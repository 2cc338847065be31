#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "mmi/base/config.h"
#include "mmi/dsp/room_measures.h"
#include "mmi/task/tool.h"
#include "mmi/worlds/rooms/scene.h"
#include "mmi/worlds/rooms/simulate.h"

/// What the tools of rooms share: settings, places, tables, files.
namespace mmi::models::xrir {

using worlds::rooms::Vec3;

/// "source=[1, 2, 1.5]" or "source=[[1, 2, 1.5], [3, 1, 1.2]]".
struct Points {
  std::vector<Vec3> at;
};

/// How a scene file is read.
struct SceneSettings {
  double scale = 1;
  std::string default_material;
};

worlds::rooms::Scene open_scene(const std::filesystem::path& path, const SceneSettings& settings);

/// DataError unless the point is in the air of the scene, with the object it is in or how far the
/// room reaches.
void require_air(const worlds::rooms::Scene& scene, Vec3 point, const std::string& what);

struct Bounds {
  Vec3 low;
  Vec3 high;
};

Bounds bounds_of(const worlds::rooms::Scene& scene);

/// "(1.00, 2.50, 1.20)".
std::string text_of(Vec3 point);

/// Rows of cells as lines: the first column to the left, all others to the right.
std::vector<std::string> lines_of(const std::vector<std::vector<std::string>>& rows);

/// A value with the mark of its status: "0.51", "0.51~" (not a straight decay), "0.51!" (too near
/// the noise), "-" (none).
std::string cell(const dsp::RoomMeasure& measure, int decimals);

/// What the marks in these cells mean; empty when there are none.
std::string legend(const std::vector<std::vector<std::string>>& rows);

nlohmann::ordered_json json_of(const dsp::RoomMeasures& measures);
nlohmann::ordered_json json_of(Vec3 point);

/// Mean of the bands 500 Hz and 1 kHz.
double middle(const worlds::rooms::Bands& bands);

/// Whole numbers only: sound files know no others.
int whole_rate(double sample_rate_hz);

/// Files that appear together: when one cannot be written, those that are new are removed.
class Outputs {
 public:
  void add(std::filesystem::path path, std::vector<std::uint8_t> bytes, std::string caption);
  void add(std::filesystem::path path, const std::string& text, std::string caption);

  /// Makes folders, writes everything and names it in `result`.
  void write(ToolResult& result) const;

 private:
  struct File {
    std::filesystem::path path;
    std::vector<std::uint8_t> bytes;
    std::string caption;
  };

  std::vector<File> files_;
};

constexpr bool has_pictures() {
#ifdef MMI_WITH_MEDIA
  return true;
#else
  return false;
#endif
}

template <class C>
config::Table<C> scene_table(const char* name, const char* doc) {
  config::Table<C> table(name, doc);
  table
      .field(
          "scale",
          static_cast<double C::*>(&C::scale),
          "metres a unit of the scene's file",
          config::above(0))
      .field(
          "default_material",
          static_cast<std::string C::*>(&C::default_material),
          "for faces of an .obj whose material is unknown");
  return table;
}

template <class C>
void simulate_fields(config::Table<C>& table) {
  using O = worlds::rooms::SimulateOptions;
  table
      .field(
          "rays",
          static_cast<int C::*>(&O::rays),
          "of the stochastic part; 0 leaves it out",
          config::between(0, 10'000'000))
      .field(
          "image_order",
          static_cast<int C::*>(&O::image_order),
          "reflections placed exactly; in an empty shoebox any (-1: all)",
          config::between(-1, 10'000))
      .field(
          "sequence_rays",
          static_cast<int C::*>(&O::sequence_rays),
          "rays that look for reflections to place",
          config::between(0, 10'000'000))
      .field("seed", static_cast<std::uint64_t C::*>(&O::seed), "of the rays and the late signs")
      .field(
          "sample_rate_hz",
          static_cast<double C::*>(&O::sample_rate_hz),
          "of the responses, a whole number",
          config::between(1000, 768'000))
      .field(
          "samples",
          static_cast<std::int64_t C::*>(&O::samples),
          "length of a response",
          config::between(1, 1 << 24))
      .field("air", static_cast<bool C::*>(&O::air), "air absorbs, too")
      .field(
          "high_pass_hz",
          static_cast<double C::*>(&O::high_pass_hz),
          "what is lower is left out; 0: nothing",
          config::at_least(0))
      .field(
          "speed_of_sound",
          static_cast<double C::*>(&O::speed_of_sound),
          "m/s",
          config::between(10, 10'000));
}

}  // namespace mmi::models::xrir

template <>
struct mmi::config::Codec<mmi::models::xrir::Points, void> {
  static std::string type() {
    return "[x, y, z] or list of them";
  }

  static void read(
      models::xrir::Points& v, const Node& n, const std::string& path, const Range&, Problems& p) {
    v.at.clear();
    if (!expect(n, Node::Kind::kList, path, p)) {
      return;
    }
    const bool nested = !n.items.empty() && n.items[0].kind == Node::Kind::kList;
    std::vector<std::vector<double>> rows(1);
    if (nested) {
      Codec<std::vector<std::vector<double>>>::read(rows, n, path, {}, p);
    } else if (!n.items.empty()) {
      Codec<std::vector<double>>::read(rows[0], n, path, {}, p);
    } else {
      return;
    }
    for (const auto& row : rows) {
      if (row.size() != 3) {
        p.add(n.origin, path, format("a point is [x, y, z], but one has {} numbers", row.size()));
        return;
      }
      v.at.push_back({row[0], row[1], row[2]});
    }
  }

  static Node write(const models::xrir::Points& v, bool identity_only = false) {
    std::vector<std::vector<double>> rows;
    for (const models::xrir::Vec3& point : v.at) {
      rows.push_back({point.x, point.y, point.z});
    }
    return Codec<std::vector<std::vector<double>>>::write(rows);
  }
};
