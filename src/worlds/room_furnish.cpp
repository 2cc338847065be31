#include "worlds/room_furnish.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "worlds/room_plan.h"

namespace mmi::worlds::rooms {
namespace {

struct Range2 {
  double low, high;
};

/// A kind of furniture: sides along a wall and into the room, height, where it stands.
struct Kind {
  const char* name;
  Range2 width, depth, height;
  const char* material;
  bool table = false;   // a slab on four legs
  bool at_wall = true;  // else anywhere
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> made{
      {"cabinet", {0.6, 1.6}, {0.35, 0.6}, {0.8, 2.0}, "cabinet"},
      {"bookcase", {0.8, 1.8}, {0.25, 0.4}, {1.6, 2.1}, "bookshelf"},
      {"sofa", {1.4, 2.2}, {0.8, 1.0}, {0.6, 0.8}, "upholstered_chairs"},
      {"bed", {1.0, 1.8}, {1.9, 2.1}, {0.45, 0.6}, "upholstered_chairs"},
      {"armchair", {0.7, 0.9}, {0.7, 0.9}, {0.6, 0.8}, "upholstered_chairs", false, false},
      {"table", {0.8, 1.8}, {0.6, 0.9}, {0.72, 0.76}, "wooden_chairs", true, false},
      {"desk", {1.0, 1.6}, {0.6, 0.8}, {0.72, 0.76}, "wooden_chairs", true, true},
      {"chair", {0.4, 0.5}, {0.4, 0.5}, {0.8, 0.95}, "wooden_chairs", false, false},
      {"seats", {1.5, 3.0}, {0.5, 0.7}, {0.8, 1.0}, "upholstered_chairs", false, false},
      {"bath", {1.4, 1.7}, {0.7, 0.8}, {0.5, 0.6}, "tiles"},
      {"basin", {0.5, 0.8}, {0.4, 0.5}, {0.8, 0.9}, "tiles"},
      {"counter", {1.5, 3.0}, {0.6, 0.8}, {0.9, 1.1}, "cabinet"},
      {"absorber", {0.6, 1.2}, {0.15, 0.3}, {1.2, 1.8}, "acoustic_plaster"},
      {"towels", {0.6, 1.2}, {0.1, 0.2}, {1.2, 1.6}, "cotton_curtain"},
  };
  return made;
}

const Kind& find_kind(std::string_view name) {
  return *std::find_if(
      kinds().begin(), kinds().end(), [&](const Kind& kind) { return kind.name == name; });
}

struct Footprint {
  double x0, y0, x1, y1;
};

constexpr double kGap = 0.1;        // m between pieces
constexpr double kWallGap = 0.02;   // m between a piece and the wall it stands at
constexpr double kFloorGap = 0.01;  // m, so that no faces coincide

double draw(Range2 range, Rng& rng) {
  return rng.uniform(range.low, range.high);
}

bool overlap(const Footprint& a, const Footprint& b, double gap) {
  return a.x0 < b.x1 + gap && b.x0 < a.x1 + gap && a.y0 < b.y1 + gap && b.y0 < a.y1 + gap;
}

// The plan covers the footprint: its corners lie inside and no edge of the plan enters it.
bool fits(const Footprint& f, const std::vector<PlanPoint>& plan) {
  for (const PlanPoint corner :
       {PlanPoint{f.x0, f.y0},
        PlanPoint{f.x1, f.y0},
        PlanPoint{f.x1, f.y1},
        PlanPoint{f.x0, f.y1}}) {
    if (!plan_contains(plan, corner)) {
      return false;
    }
  }
  for (std::size_t i = 0; i < plan.size(); ++i) {
    const PlanPoint a = plan[i];
    const PlanPoint b = plan[(i + 1) % plan.size()];
    // The part of the edge within the footprint, as shares of its length.
    double from = 0;
    double to = 1;
    for (const auto& [start, way, low, high] :
         {std::array{a.x, b.x - a.x, f.x0, f.x1}, std::array{a.y, b.y - a.y, f.y0, f.y1}}) {
      if (std::abs(way) < 1e-12) {
        if (start <= low || start >= high) {
          to = -1;
        }
        continue;
      }
      const double first = (low - start) / way;
      const double second = (high - start) / way;
      from = std::max(from, std::min(first, second));
      to = std::min(to, std::max(first, second));
    }
    if (from < to) {
      return false;
    }
  }
  return true;
}

// Along a random wall that runs along an axis, or anywhere.
Footprint place(const Kind& kind, const std::vector<PlanPoint>& plan, Rng& rng) {
  double width = draw(kind.width, rng);
  double depth = draw(kind.depth, rng);
  const auto i = static_cast<std::size_t>(rng.integer(static_cast<std::int64_t>(plan.size())));
  const PlanPoint a = plan[i];
  const PlanPoint b = plan[(i + 1) % plan.size()];
  const double dx = b.x - a.x;
  const double dy = b.y - a.y;
  const double share = rng.uniform();
  if (kind.at_wall && (std::abs(dx) < 1e-9 || std::abs(dy) < 1e-9)) {
    // The inside lies left of the way from a to b.
    if (std::abs(dy) < 1e-9) {
      const double x = std::min(a.x, b.x) + share * std::max(0.0, std::abs(dx) - width);
      const double y = dx > 0 ? a.y + kWallGap : a.y - kWallGap - depth;
      return {x, y, x + width, y + depth};
    }
    const double y = std::min(a.y, b.y) + share * std::max(0.0, std::abs(dy) - width);
    const double x = dy > 0 ? a.x - kWallGap - depth : a.x + kWallGap;
    return {x, y, x + depth, y + width};
  }
  if (rng.chance(0.5)) {
    std::swap(width, depth);
  }
  double x0 = a.x, x1 = a.x, y0 = a.y, y1 = a.y;
  for (const PlanPoint p : plan) {
    x0 = std::min(x0, p.x);
    x1 = std::max(x1, p.x);
    y0 = std::min(y0, p.y);
    y1 = std::max(y1, p.y);
  }
  const double x = rng.uniform(x0, x1);
  const double y = rng.uniform(y0, y1);
  return {x, y, x + width, y + depth};
}

void build(
    Scene& scene, const Kind& kind, const Footprint& f, double height, int number, Rng& rng) {
  const int material = scene.material_index(jittered(find_material(kind.material), rng));
  const std::string name = std::string(kind.name) + "_" + std::to_string(number);
  if (!kind.table) {
    scene.add_box({f.x0, f.y0, kFloorGap}, {f.x1, f.y1, height}, material, name);
    return;
  }
  const double slab = 0.04;
  const double leg = 0.06;
  scene.add_box({f.x0, f.y0, height - slab}, {f.x1, f.y1, height}, material, name + "_top");
  for (int k = 0; k < 4; ++k) {
    const double x = (k & 1) == 0 ? f.x0 + 0.03 : f.x1 - 0.03 - leg;
    const double y = (k & 2) == 0 ? f.y0 + 0.03 : f.y1 - 0.03 - leg;
    scene.add_box(
        {x, y, kFloorGap},
        {x + leg, y + leg, height - slab - 0.001},
        material,
        name + "_leg_" + std::to_string(k + 1));
  }
}

}  // namespace

const std::vector<Category>& categories() {
  static const std::vector<Category> made{
      {"Apartments",
       3.5,
       7,
       2.4,
       2.9,
       {"plasterboard", "wallpaper_on_plasterboard", "brick"},
       {"parquet", "floorboards", "thin_carpet"},
       {"plaster_ceiling", "concrete"},
       {"sofa", "table", "cabinet", "bookcase", "armchair", "bed"},
       4,
       8},
      {"Bathrooms",
       2.5,
       4.5,
       2.3,
       2.7,
       {"tiles", "plasterboard"},
       {"linoleum", "tiles"},
       {"perforated_panel", "plaster_ceiling"},
       {"bath", "basin", "cabinet", "towels"},
       2,
       5},
      {"Cafe",
       4.5,
       9,
       2.8,
       3.5,
       {"brick", "wood_lining", "plasterboard"},
       {"parquet", "linoleum"},
       {"perforated_panel", "fissured_tile", "plaster_ceiling"},
       {"table", "counter", "chair", "seats", "table"},
       4,
       8},
      {"LivingRoomsWithHallway",
       4,
       8.5,
       2.4,
       2.9,
       {"plasterboard", "wallpaper_on_plasterboard"},
       {"parquet", "carpet_on_foam", "thin_carpet"},
       {"plaster_ceiling"},
       {"sofa", "armchair", "table", "bookcase", "cabinet"},
       3,
       7},
      {"Office",
       3.5,
       8,
       2.6,
       3.1,
       {"plasterboard", "hard_wall"},
       {"thin_carpet", "linoleum"},
       {"fissured_tile", "perforated_panel"},
       {"desk", "chair", "bookcase", "cabinet"},
       4,
       8},
      {"Auditorium",
       6.5,
       9,
       3.1,
       3.5,
       {"wood_lining", "acoustic_plaster", "plasterboard"},
       {"carpet_on_foam", "parquet"},
       {"perforated_panel", "plaster_ceiling"},
       {"seats", "seats", "desk", "absorber"},
       5,
       8},
      {"Bedrooms",
       3,
       6,
       2.4,
       2.8,
       {"plasterboard", "wallpaper_on_plasterboard"},
       {"tufted_carpet", "thin_carpet", "floorboards"},
       {"plaster_ceiling"},
       {"bed", "cabinet", "chair", "desk", "bookcase"},
       3,
       6},
      {"ListeningRoom",
       4,
       7,
       2.5,
       3.2,
       {"acoustic_plaster", "wood_lining", "plasterboard"},
       {"carpet_on_foam", "tufted_carpet"},
       {"perforated_panel", "plaster_ceiling"},
       {"sofa", "absorber", "absorber", "bookcase"},
       3,
       6},
      {"MeetingRoom",
       4,
       8,
       2.6,
       3.2,
       {"plasterboard", "hard_wall", "wood_lining"},
       {"thin_carpet", "linoleum"},
       {"fissured_tile", "perforated_panel"},
       {"table", "chair", "chair", "cabinet", "seats"},
       3,
       7},
      {"Restaurants",
       5,
       9,
       2.8,
       3.5,
       {"wood_lining", "brick", "plasterboard"},
       {"parquet", "floorboards", "thin_carpet"},
       {"perforated_panel", "plaster_ceiling"},
       {"table", "table", "seats", "counter", "chair"},
       5,
       8},
  };
  return made;
}

bool plan_contains(const std::vector<PlanPoint>& plan, PlanPoint p) {
  bool inside = false;
  for (std::size_t i = 0; i < plan.size(); ++i) {
    const PlanPoint a = plan[i];
    const PlanPoint b = plan[(i + 1) % plan.size()];
    if ((a.y > p.y) != (b.y > p.y) && p.x < a.x + (p.y - a.y) / (b.y - a.y) * (b.x - a.x)) {
      inside = !inside;
    }
  }
  return inside;
}

bool cut_opening(
    Scene& scene,
    std::size_t wall,
    double width,
    double bottom,
    double top,
    int material,
    Rng& rng) {
  const Polygon whole = scene.polygons[wall];
  // Walls of Scene::extrude run from the far lower corner to the near one and up.
  const Vec3 far = whole.corners[0];
  const Vec3 near = whole.corners[1];
  const double height = whole.corners[2].z;
  const double length = norm(far - near);
  if (length < width + 0.4 || height < top + 0.1) {
    return false;
  }
  const double start = rng.uniform(0.2, length - width - 0.2);
  const auto part = [&](double from, double to, double low, double high, int stuff) {
    if (to - from < 1e-9 || high - low < 1e-9) {
      return;
    }
    const Vec3 way = (1 / length) * (near - far);
    Vec3 a = far + from * way;
    Vec3 b = far + to * way;
    a.z = b.z = low;
    Vec3 c = b;
    Vec3 d = a;
    c.z = d.z = high;
    scene.polygons.push_back({{a, b, c, d}, stuff, 0});
  };
  scene.polygons.erase(scene.polygons.begin() + static_cast<std::ptrdiff_t>(wall));
  part(0, start, 0, height, whole.material);
  part(start, start + width, 0, bottom, whole.material);
  part(start, start + width, bottom, top, material);
  part(start, start + width, top, height, whole.material);
  part(start + width, length, 0, height, whole.material);
  return true;
}

void furnish(Scene& scene, const Plan& plan, double height, const Category& category, Rng& rng) {
  std::vector<Footprint> taken;
  if (plan.shape == RoomShape::kTwoRooms) {
    // The opening stays free for a step to either side; above it is a lintel.
    taken.push_back(
        {plan.door_low.x - 0.6, plan.door_low.y, plan.door_high.x + 0.6, plan.door_high.y});
    const int wall = scene.polygons.front().material;
    scene.add_box(
        {plan.door_low.x, plan.door_low.y, 2.05},
        {plan.door_high.x, plan.door_high.y, height},
        wall,
        "lintel");
  }
  const auto wanted =
      rng.integer(category.pieces_high - category.pieces_low + 1) + category.pieces_low;
  int number = 0;
  for (int attempt = 0; attempt < 200 && number < wanted; ++attempt) {
    const auto pick = rng.integer(static_cast<std::int64_t>(category.furniture.size()));
    const Kind& kind = find_kind(category.furniture[static_cast<std::size_t>(pick)]);
    const Footprint f = place(kind, plan.corners, rng);
    const double top = std::min(draw(kind.height, rng), height - 0.3);
    const bool free = fits(f, plan.corners) &&
                      std::none_of(taken.begin(), taken.end(), [&](const Footprint& other) {
                        return overlap(f, other, kGap);
                      });
    if (free) {
      taken.push_back(f);
      build(scene, kind, f, top, ++number, rng);
    }
  }
}

Material jittered(const Material& material, Rng& rng) {
  Material made = material;
  const double all = rng.uniform(0.9, 1.1);
  for (float& a : made.absorption) {
    a = static_cast<float>(std::clamp(a * all * rng.uniform(0.9, 1.1), 0.01, 0.98));
  }
  made.scattering = std::clamp(material.scattering * rng.uniform(0.8, 1.2), 0.02, 0.9);
  return made;
}

}  // namespace mmi::worlds::rooms
