#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "worlds/room_furnish.h"
#include "worlds/room_plan.h"

namespace mmi::worlds::rooms {
namespace {

// Shares of the shapes (specs/ch08 §8.1).
constexpr std::array<double, 6> kShares{0.45, 0.25, 0.05, 0.05, 0.10, 0.10};

using Corners = std::vector<PlanPoint>;

Corners ell(double w, double d, Rng& rng) {
  const double x = w * rng.uniform(0.4, 0.7);
  const double y = d * rng.uniform(0.4, 0.7);
  return {{0, 0}, {w, 0}, {w, y}, {x, y}, {x, d}, {0, d}};
}

Corners tee(double w, double d, Rng& rng) {
  const double bar = d * rng.uniform(0.4, 0.6);
  const double stem = w * rng.uniform(0.35, 0.5);
  const double x = rng.uniform(0.2, 0.8) * (w - stem);
  return {{0, 0}, {w, 0}, {w, bar}, {x + stem, bar}, {x + stem, d}, {x, d}, {x, bar}, {0, bar}};
}

Corners you(double w, double d, Rng& rng) {
  const double left = w * rng.uniform(0.28, 0.38);
  const double right = w * rng.uniform(0.62, 0.72);
  const double base = d * rng.uniform(0.35, 0.5);
  return {{0, 0}, {w, 0}, {w, d}, {right, d}, {right, base}, {left, base}, {left, d}, {0, d}};
}

// Corners on an ellipse, at least 0.6 of the even angle apart.
Corners convex(double w, double d, Rng& rng) {
  const auto count = 5 + rng.integer(4);
  const double turn = rng.uniform(0, 2 * std::numbers::pi);
  Corners corners;
  for (std::int64_t i = 0; i < count; ++i) {
    const double angle = turn + 2 * std::numbers::pi / static_cast<double>(count) *
                                    (static_cast<double>(i) + rng.uniform(-0.2, 0.2));
    corners.push_back({0.5 * w * (1 + std::cos(angle)), 0.5 * d * (1 + std::sin(angle))});
  }
  return corners;
}

// Two rectangles beside each other, a wall of 0.15 m between them with an opening of 0.9 m.
Corners two_rooms(double w, double d, Rng& rng, PlanPoint& low, PlanPoint& high) {
  const double wall = 0.15;
  const double a = w * rng.uniform(0.4, 0.6);
  const double other = d * rng.uniform(0.7, 1.0);
  const double door = 0.9;
  const double y = rng.uniform(0.2, std::min(d, other) - door - 0.2);
  low = {a, y};
  high = {a + wall, y + door};
  return {
      {0, 0},
      {a, 0},
      {a, y},
      {a + wall, y},
      {a + wall, 0},
      {w, 0},
      {w, other},
      {a + wall, other},
      {a + wall, y + door},
      {a, y + door},
      {a, d},
      {0, d}};
}

}  // namespace

Plan draw_plan(const Category& category, double area_low, double area_high, Rng& rng) {
  for (;;) {
    Plan plan;
    plan.shape = static_cast<RoomShape>(rng.choice(kShares));
    double w = rng.uniform(category.side_low, category.side_high);
    double d = rng.uniform(category.side_low, category.side_high);
    if (plan.shape == RoomShape::kTwoRooms) {
      w = std::min(1.5 * w, 9.0);
    }
    switch (plan.shape) {
      case RoomShape::kShoebox:
        plan.corners = {{0, 0}, {w, 0}, {w, d}, {0, d}};
        break;
      case RoomShape::kEll:
        plan.corners = ell(w, d, rng);
        break;
      case RoomShape::kTee:
        plan.corners = tee(w, d, rng);
        break;
      case RoomShape::kYou:
        plan.corners = you(w, d, rng);
        break;
      case RoomShape::kConvex:
        plan.corners = convex(w, d, rng);
        break;
      case RoomShape::kTwoRooms:
        plan.corners = two_rooms(w, d, rng, plan.door_low, plan.door_high);
        break;
    }
    // Halls narrower than 1.2 m leave no place that is half a metre from every wall.
    double narrowest = 1e9;
    for (std::size_t i = 0; i < plan.corners.size(); ++i) {
      const PlanPoint a = plan.corners[i];
      const PlanPoint b = plan.corners[(i + 1) % plan.corners.size()];
      narrowest = std::min(narrowest, std::hypot(b.x - a.x, b.y - a.y));
    }
    const bool wide = plan.shape == RoomShape::kTwoRooms || narrowest >= 1.2;
    const double area = plan_area(plan.corners);
    if (wide && area >= area_low && area <= area_high) {
      return plan;
    }
  }
}

}  // namespace mmi::worlds::rooms
