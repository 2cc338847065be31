#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numbers>
#include <tuple>

#include "mmi/base/errors.h"
#include "mmi/worlds/rooms/scene.h"
#include "worlds/room_plan.h"

namespace mmi::worlds::rooms {
namespace {

constexpr double kSabine = 24 * std::numbers::ln10 / 343.0;  // seconds a metre, c = 343 m/s

Vec3 lifted(PlanPoint p, double z) {
  return {p.x, p.y, z};
}

// The ray crosses the polygon at a positive distance.
bool crosses(const Polygon& polygon, Vec3 from, Vec3 direction) {
  const Vec3 normal = area_vector(polygon);
  const double slope = dot(normal, direction);
  if (std::abs(slope) < 1e-12) {
    return false;
  }
  const double distance = dot(normal, polygon.corners[0] - from) / slope;
  if (distance <= 0) {
    return false;
  }
  const Vec3 at = from + distance * direction;
  const std::size_t count = polygon.corners.size();
  for (std::size_t i = 0; i < count; ++i) {
    const Vec3 a = polygon.corners[i];
    const Vec3 b = polygon.corners[(i + 1) % count];
    if (dot(cross(b - a, at - a), normal) < 0) {
      return false;
    }
  }
  return true;
}

// Edges of one object, counted by direction. Faces may be cut into pieces, so edges are compared as
// covered length on their line, not corner by corner.
class EdgeBook {
 public:
  void add(Vec3 a, Vec3 b) {
    const Vec3 along = unit(b - a);
    const bool forward = std::tie(along.x, along.y, along.z) > std::tuple(0.0, 0.0, 0.0);
    const Vec3 direction = forward ? along : -1.0 * along;
    const Vec3 foot = a - dot(a, direction) * direction;
    auto& spans = lines_[key(direction, foot)];
    const double from = dot(a, direction);
    const double to = dot(b, direction);
    spans.push_back({std::min(from, to), forward ? 1 : -1});
    spans.push_back({std::max(from, to), forward ? -1 : 1});
  }

  // Stretches of at least 1 mm that do not cancel.
  std::int64_t open() {
    std::int64_t count = 0;
    for (auto& [line, spans] : lines_) {
      std::sort(spans.begin(), spans.end());
      int cover = 0;
      for (std::size_t i = 0; i + 1 < spans.size(); ++i) {
        cover += spans[i].second;
        count += cover != 0 && spans[i + 1].first - spans[i].first > 1e-3;
      }
    }
    return count;
  }

 private:
  using Key = std::array<std::int64_t, 6>;

  static Key key(Vec3 direction, Vec3 foot) {
    // Cells of 1 mm; the offset keeps round figures off their borders.
    const auto place = [](double v) { return std::llround(v * 1e3 + 0.3183); };
    return {
        place(direction.x),
        place(direction.y),
        place(direction.z),
        place(foot.x),
        place(foot.y),
        place(foot.z)};
  }

  std::map<Key, std::vector<std::pair<double, int>>> lines_;
};

Bands reverberation(const Scene& scene, bool air, bool eyring) {
  const double volume = scene.volume_m3();
  const double surface = scene.surface_m2();
  const Bands absorption = scene.mean_absorption();
  Bands seconds{};
  for (std::size_t b = 0; b < kBands; ++b) {
    const double exponent =
        eyring ? -std::log1p(-std::min<double>(absorption[b], 0.999999)) : absorption[b];
    const double loss = surface * exponent + (air ? 4.0 * air_attenuation()[b] * volume : 0.0);
    seconds[b] = static_cast<float>(kSabine * volume / loss);
  }
  return seconds;
}

}  // namespace

Vec3 area_vector(const Polygon& polygon) {
  Vec3 twice;
  const Vec3 origin = polygon.corners.at(0);
  for (std::size_t i = 1; i + 1 < polygon.corners.size(); ++i) {
    twice = twice + cross(polygon.corners[i] - origin, polygon.corners[i + 1] - origin);
  }
  return 0.5 * twice;
}

Scene Scene::shoebox(Vec3 size, const Material& material) {
  MMI_CHECK(
      ConfigError,
      size.x > 0 && size.y > 0 && size.z > 0,
      "a shoebox needs three positive sides in metres, but got {} x {} x {}",
      size.x,
      size.y,
      size.z);
  return extrude({{0, 0}, {size.x, 0}, {size.x, size.y}, {0, size.y}}, size.z, {material});
}

Scene Scene::extrude(
    const std::vector<PlanPoint>& plan,
    double height,
    const std::vector<Material>& materials,
    RoomSurfaces surfaces) {
  MMI_CHECK(
      ConfigError, plan.size() >= 3, "a floor plan needs at least 3 corners, not {}", plan.size());
  MMI_CHECK(ConfigError, height > 0, "a room needs a positive height, not {} m", height);
  const auto known = static_cast<int>(materials.size());
  for (const int index : {surfaces.walls, surfaces.floor, surfaces.ceiling}) {
    MMI_CHECK(
        ConfigError,
        index >= 0 && index < known,
        "a surface names material {}, but there are {}",
        index,
        known);
  }
  MMI_CHECK(
      ConfigError,
      !plan_crosses_itself(plan),
      "the floor plan of {} corners crosses or touches itself",
      plan.size());
  std::vector<PlanPoint> corners = plan;
  const double area = plan_area(corners);
  MMI_CHECK(ConfigError, std::abs(area) > 1e-6, "the floor plan encloses no area");
  if (area < 0) {
    std::reverse(corners.begin(), corners.end());
  }
  Scene scene;
  scene.materials = materials;
  for (std::size_t i = 0; i < corners.size(); ++i) {
    const PlanPoint a = corners[i];
    const PlanPoint b = corners[(i + 1) % corners.size()];
    scene.polygons.push_back(
        {{lifted(b, 0), lifted(a, 0), lifted(a, height), lifted(b, height)}, surfaces.walls, 0});
  }
  for (const auto& piece : convex_pieces(corners)) {
    Polygon floor{{}, surfaces.floor, 0};
    Polygon ceiling{{}, surfaces.ceiling, 0};
    for (std::size_t i = 0; i < piece.size(); ++i) {
      floor.corners.push_back(lifted(piece[i], 0));
      ceiling.corners.push_back(lifted(piece[piece.size() - 1 - i], height));
    }
    scene.polygons.push_back(std::move(floor));
    scene.polygons.push_back(std::move(ceiling));
  }
  return scene;
}

Scene Scene::extrude(
    const std::vector<PlanPoint>& plan,
    double height,
    const std::vector<Material>& walls,
    const Material& floor,
    const Material& ceiling) {
  const std::size_t count = plan.size();
  MMI_CHECK(
      ConfigError,
      walls.size() == 1 || walls.size() == count,
      "a floor plan of {} corners needs one material for its walls, or {}, but got {}",
      count,
      count,
      walls.size());
  Scene palette;
  const RoomSurfaces surfaces{
      palette.material_index(walls[0]),
      palette.material_index(floor),
      palette.material_index(ceiling)};
  Scene scene = extrude(plan, height, palette.materials, surfaces);
  // Walls come first, and a plan that runs clockwise was turned.
  const bool turned = plan_area(plan) < 0;
  for (std::size_t i = 0; i < count && walls.size() > 1; ++i) {
    const std::size_t wall = turned ? (2 * count - 2 - i) % count : i;
    scene.polygons[wall].material = scene.material_index(walls[i]);
  }
  return scene;
}

int Scene::material_index(const Material& material) {
  const auto found = std::find(materials.begin(), materials.end(), material);
  if (found != materials.end()) {
    return static_cast<int>(found - materials.begin());
  }
  materials.push_back(material);
  return static_cast<int>(materials.size()) - 1;
}

void Scene::add_box(Vec3 low, Vec3 high, int material, const std::string& name) {
  MMI_CHECK(
      ConfigError,
      low.x < high.x && low.y < high.y && low.z < high.z,
      "the box \"{}\" from ({}, {}, {}) to ({}, {}, {}) has no volume",
      name,
      low.x,
      low.y,
      low.z,
      high.x,
      high.y,
      high.z);
  const int object = static_cast<int>(objects.size());
  objects.push_back(name);
  const auto corner = [&](int bits) {
    return Vec3{
        (bits & 1) != 0 ? high.x : low.x,
        (bits & 2) != 0 ? high.y : low.y,
        (bits & 4) != 0 ? high.z : low.z};
  };
  constexpr std::array<std::array<int, 4>, 6> kFaces{
      {{0, 4, 6, 2}, {1, 3, 7, 5}, {0, 1, 5, 4}, {2, 6, 7, 3}, {0, 2, 3, 1}, {4, 5, 7, 6}}};
  for (const auto& face : kFaces) {
    polygons.push_back(
        {{corner(face[0]), corner(face[1]), corner(face[2]), corner(face[3])}, material, object});
  }
}

bool Scene::contains(Vec3 point) const {
  // Directions without zeros or simple ratios: rays that run along walls or through edges are rare.
  constexpr std::array<Vec3, 3> kDirections{
      {{0.3819, 0.2113, 0.8996}, {-0.7433, 0.5297, 0.4087}, {0.1931, -0.8271, -0.5279}}};
  int votes = 0;
  for (const Vec3 direction : kDirections) {
    std::vector<int> count(objects.size(), 0);
    for (const Polygon& polygon : polygons) {
      count[static_cast<std::size_t>(polygon.object)] += crosses(polygon, point, direction) ? 1 : 0;
    }
    bool free = count[0] % 2 == 1;
    for (std::size_t object = 1; object < count.size(); ++object) {
      free = free && count[object] % 2 == 0;
    }
    votes += free ? 1 : 0;
  }
  return votes >= 2;
}

SceneReport Scene::check() const {
  SceneReport report;
  const auto complain = [&](std::string sentence) {
    if (report.problems.size() < 8) {
      report.problems.push_back(std::move(sentence));
    }
  };
  std::vector<EdgeBook> edges(objects.size());
  for (std::size_t p = 0; p < polygons.size(); ++p) {
    const Polygon& polygon = polygons[p];
    const Vec3 normal = unit(area_vector(polygon));
    if (norm(area_vector(polygon)) < 1e-8) {
      complain(format("polygon {} has no area", p));
      continue;
    }
    const std::size_t count = polygon.corners.size();
    for (std::size_t i = 0; i < count; ++i) {
      const Vec3 a = polygon.corners[i];
      const Vec3 b = polygon.corners[(i + 1) % count];
      const Vec3 c = polygon.corners[(i + 2) % count];
      if (std::abs(dot(normal, b - polygon.corners[0])) > 1e-3) {
        complain(format("polygon {} is not flat: a corner is off by more than 1 mm", p));
        break;
      }
      if (dot(cross(b - a, c - b), normal) < -1e-6) {
        complain(format("polygon {} is not convex at corner {}", p, (i + 1) % count));
        break;
      }
    }
    for (std::size_t i = 0; i < count; ++i) {
      edges[static_cast<std::size_t>(polygon.object)].add(
          polygon.corners[i], polygon.corners[(i + 1) % count]);
    }
  }
  for (std::size_t object = 0; object < objects.size(); ++object) {
    const std::int64_t open = edges[object].open();
    if (open > 0) {
      complain(format("\"{}\" has gaps: {} open edges", objects[object], open));
    }
    report.open_edges += open;
  }
  report.volume_m3 = volume_m3();
  report.surface_m2 = surface_m2();
  report.watertight = report.open_edges == 0 && !polygons.empty();
  report.facing = report.volume_m3 > 0;
  if (!report.facing) {
    complain("the fronts of the polygons face away from the air");
  }
  return report;
}

double Scene::volume_m3() const {
  double triple = 0;
  for (const Polygon& polygon : polygons) {
    triple -= dot(polygon.corners.at(0), area_vector(polygon));
  }
  return triple / 3;
}

double Scene::surface_m2() const {
  double sum = 0;
  for (const Polygon& polygon : polygons) {
    sum += norm(area_vector(polygon));
  }
  return sum;
}

Bands Scene::mean_absorption() const {
  std::array<double, kBands> sum{};
  for (const Polygon& polygon : polygons) {
    const double area = norm(area_vector(polygon));
    const Material& material = materials.at(static_cast<std::size_t>(polygon.material));
    for (std::size_t b = 0; b < kBands; ++b) {
      sum[b] += area * material.absorption[b];
    }
  }
  const double surface = surface_m2();
  Bands mean{};
  for (std::size_t b = 0; b < kBands; ++b) {
    mean[b] = static_cast<float>(surface > 0 ? sum[b] / surface : 0);
  }
  return mean;
}

Bands Scene::sabine_s(bool air) const {
  return reverberation(*this, air, false);
}

Bands Scene::eyring_s(bool air) const {
  return reverberation(*this, air, true);
}

}  // namespace mmi::worlds::rooms
