#include "mmi/worlds/rooms/world.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "mmi/base/errors.h"
#include "mmi/base/hash.h"
#include "worlds/room_furnish.h"

namespace mmi::worlds::rooms {
namespace {

constexpr double kSmallest_m3 = 15;
constexpr double kLargest_m3 = 250;
constexpr double kShortest_s = 0.15;
constexpr double kLongest_s = 0.45;

const char* pick(const std::vector<const char*>& names, Rng& rng) {
  return names[static_cast<std::size_t>(rng.integer(static_cast<std::int64_t>(names.size())))];
}

std::vector<std::size_t> walls_of(const Scene& scene) {
  std::vector<std::size_t> walls;
  for (std::size_t p = 0; p < scene.polygons.size(); ++p) {
    const Vec3 normal = unit(area_vector(scene.polygons[p]));
    if (scene.polygons[p].object == 0 && std::abs(normal.z) < 1e-6) {
      walls.push_back(p);
    }
  }
  return walls;
}

// One to three windows or curtains and a door.
void add_openings(Scene& scene, Rng& rng) {
  const int door = scene.material_index(jittered(find_material("wooden_door"), rng));
  const int window = scene.material_index(
      jittered(find_material(rng.chance(0.5) ? "glass" : "cotton_curtain"), rng));
  const auto cut = [&](double width, double bottom, double top, int material) {
    for (int attempt = 0; attempt < 5; ++attempt) {
      const std::vector<std::size_t> walls = walls_of(scene);
      const auto wall =
          walls[static_cast<std::size_t>(rng.integer(static_cast<std::int64_t>(walls.size())))];
      // Only whole walls: pieces of one that was cut already may float.
      if (scene.polygons[wall].corners[0].z == 0 &&
          cut_opening(scene, wall, width, bottom, top, material, rng)) {
        return;
      }
    }
  };
  cut(0.9, 0, 2.02, door);
  for (std::int64_t count = 1 + rng.integer(3); count > 0; --count) {
    cut(rng.uniform(0.8, 2.2), rng.uniform(0.6, 1.0), rng.uniform(1.8, 2.15), window);
  }
}

// A room whose reverberation time is not yet looked at.
WorldRoom build_room(const Category& category, Rng& rng) {
  WorldRoom room;
  room.category = category.name;
  room.height_m = rng.uniform(category.height_low, category.height_high);
  const Plan plan =
      draw_plan(category, kSmallest_m3 / room.height_m, kLargest_m3 / room.height_m, rng);
  room.plan = plan.corners;
  room.shape = plan.shape;
  room.scene = Scene::extrude(
      plan.corners,
      room.height_m,
      {jittered(find_material(pick(category.walls, rng)), rng),
       jittered(find_material(pick(category.floors, rng)), rng),
       jittered(find_material(pick(category.ceilings, rng)), rng)},
      {0, 1, 2});
  add_openings(room.scene, rng);
  furnish(room.scene, plan, room.height_m, category, rng);
  return room;
}

double distance_to(const Polygon& polygon, Vec3 p) {
  const Vec3 normal = unit(area_vector(polygon));
  const std::size_t count = polygon.corners.size();
  bool above = true;
  double nearest = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < count; ++i) {
    const Vec3 a = polygon.corners[i];
    const Vec3 way = polygon.corners[(i + 1) % count] - a;
    above = above && dot(cross(way, p - a), normal) >= 0;
    const double share = std::clamp(dot(p - a, way) / dot(way, way), 0.0, 1.0);
    nearest = std::min(nearest, norm(p - (a + share * way)));
  }
  return above ? std::abs(dot(normal, p - polygon.corners[0])) : nearest;
}

double nearest_of(const std::vector<Vec3>& places, Vec3 p) {
  double nearest = std::numeric_limits<double>::infinity();
  for (const Vec3 other : places) {
    nearest = std::min(nearest, norm(other - p));
  }
  return nearest;
}

// Darts until all places are found; every 400 misses the distances shrink by 5 %.
void find_places(WorldRoom& room, std::int64_t sources, std::int64_t receivers, Rng& rng) {
  double x0 = 1e9, x1 = -1e9, y0 = 1e9, y1 = -1e9;
  for (const PlanPoint p : room.plan) {
    x0 = std::min(x0, p.x);
    x1 = std::max(x1, p.x);
    y0 = std::min(y0, p.y);
    y1 = std::max(y1, p.y);
  }
  int misses = 0;
  while (static_cast<std::int64_t>(room.sources.size()) < sources ||
         static_cast<std::int64_t>(room.receivers.size()) < receivers) {
    const Vec3 p{rng.uniform(x0, x1), rng.uniform(y0, y1), rng.uniform(0.3, room.height_m - 0.3)};
    const bool source = static_cast<std::int64_t>(room.sources.size()) < sources;
    const double m = room.margin;
    const bool free = nearest_of(room.sources, p) >= (source ? 1.0 : 0.5) * m &&
                      nearest_of(room.receivers, p) >= 0.5 * m &&
                      clearance_m(room.scene, p) >= 0.5 * m && room.scene.contains(p);
    if (free) {
      (source ? room.sources : room.receivers).push_back(p);
    } else if (++misses % 400 == 0) {
      room.margin *= 0.95;
    }
  }
}

}  // namespace

const std::vector<std::string>& room_categories() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> made;
    for (const Category& category : categories()) {
      made.emplace_back(category.name);
    }
    return made;
  }();
  return names;
}

double clearance_m(const Scene& scene, Vec3 point) {
  double nearest = std::numeric_limits<double>::infinity();
  for (const Polygon& polygon : scene.polygons) {
    nearest = std::min(nearest, distance_to(polygon, point));
  }
  return nearest;
}

WorldRoom make_room(
    std::uint64_t world_seed, std::int64_t number, std::int64_t sources, std::int64_t receivers) {
  MMI_CHECK(ConfigError, number >= 0, "rooms are numbered from 0 on, not {}", number);
  MMI_CHECK(
      ConfigError,
      sources >= 1 && sources <= 200 && receivers >= 1 && receivers <= 200,
      "a room takes 1 to 200 sources and receivers, not {} and {}",
      sources,
      receivers);
  const auto count = static_cast<std::int64_t>(categories().size());
  const Category& category = categories()[static_cast<std::size_t>(number % count)];
  const Rng world = Rng(world_seed).stream("room", static_cast<std::uint64_t>(number));
  for (std::uint64_t attempt = 0;; ++attempt) {
    Rng rng = world.stream("attempt", attempt);
    WorldRoom room = build_room(category, rng);
    const double time = room.scene.eyring_s()[4];
    if (time < kShortest_s || time > kLongest_s) {
      continue;
    }
    room.number = number / count + 1;
    find_places(room, sources, receivers, rng);
    return room;
  }
}

std::string world_version() {
  return "rooms-1";
}

std::string world_hash() {
  std::string bytes;
  const auto add = [&](double value) {
    const float rounded = static_cast<float>(value);
    char raw[sizeof(rounded)];
    std::memcpy(raw, &rounded, sizeof(rounded));
    bytes.append(raw, sizeof(rounded));
  };
  const auto add_point = [&](Vec3 p) {
    add(p.x);
    add(p.y);
    add(p.z);
  };
  for (std::int64_t number = 0; number < 20; ++number) {
    const WorldRoom room = make_room(1, number, 3, 3);
    bytes += room.name();
    for (const Polygon& polygon : room.scene.polygons) {
      add(polygon.material);
      std::for_each(polygon.corners.begin(), polygon.corners.end(), add_point);
    }
    for (const Material& material : room.scene.materials) {
      std::for_each(material.absorption.begin(), material.absorption.end(), add);
      add(material.scattering);
    }
    std::for_each(room.sources.begin(), room.sources.end(), add_point);
    std::for_each(room.receivers.begin(), room.receivers.end(), add_point);
  }
  return hex(fnv1a64(bytes, fnv1a64(world_version())));
}

}  // namespace mmi::worlds::rooms
