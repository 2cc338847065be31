#include "worlds/room_plan.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace mmi::worlds::rooms {
namespace {

using Plan = std::vector<PlanPoint>;

// Twice the signed area of a triangle.
double turn(PlanPoint a, PlanPoint b, PlanPoint c) {
  return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}

constexpr double kFlat = 1e-9;

bool inside_triangle(PlanPoint p, PlanPoint a, PlanPoint b, PlanPoint c) {
  return turn(a, b, p) >= -kFlat && turn(b, c, p) >= -kFlat && turn(c, a, p) >= -kFlat;
}

bool on_segment(PlanPoint a, PlanPoint b, PlanPoint p) {
  return std::abs(turn(a, b, p)) <= kFlat && std::min(a.x, b.x) - kFlat <= p.x &&
         p.x <= std::max(a.x, b.x) + kFlat && std::min(a.y, b.y) - kFlat <= p.y &&
         p.y <= std::max(a.y, b.y) + kFlat;
}

bool touch(PlanPoint a, PlanPoint b, PlanPoint c, PlanPoint d) {
  const double ab_c = turn(a, b, c);
  const double ab_d = turn(a, b, d);
  const double cd_a = turn(c, d, a);
  const double cd_b = turn(c, d, b);
  if (ab_c * ab_d < 0 && cd_a * cd_b < 0) {
    return true;
  }
  return on_segment(a, b, c) || on_segment(a, b, d) || on_segment(c, d, a) || on_segment(c, d, b);
}

bool is_ear(const Plan& plan, std::size_t at) {
  const std::size_t count = plan.size();
  const std::size_t before = (at + count - 1) % count;
  const std::size_t after = (at + 1) % count;
  if (turn(plan[before], plan[at], plan[after]) <= kFlat) {
    return false;
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (i != before && i != at && i != after &&
        inside_triangle(plan[i], plan[before], plan[at], plan[after])) {
      return false;
    }
  }
  return true;
}

std::vector<Plan> triangulate(Plan plan) {
  std::vector<Plan> triangles;
  while (plan.size() > 3) {
    std::size_t ear = 0;
    while (ear < plan.size() && !is_ear(plan, ear)) {
      ++ear;
    }
    const std::size_t at =
        ear < plan.size() ? ear : 0;  // no ear: only corners on one line are left
    const Plan corner{
        plan[(at + plan.size() - 1) % plan.size()], plan[at], plan[(at + 1) % plan.size()]};
    if (turn(corner[0], corner[1], corner[2]) > kFlat) {
      triangles.push_back(corner);
    }
    plan.erase(plan.begin() + static_cast<std::ptrdiff_t>(at));
  }
  triangles.push_back(plan);
  return triangles;
}

bool is_convex(const Plan& plan) {
  for (std::size_t i = 0; i < plan.size(); ++i) {
    if (turn(plan[i], plan[(i + 1) % plan.size()], plan[(i + 2) % plan.size()]) < -kFlat) {
      return false;
    }
  }
  return true;
}

// The union of two polygons that share the edge a[i] -> a[i+1], without corners that became flat.
Plan joined(const Plan& a, std::size_t i, const Plan& b, std::size_t j) {
  Plan whole;
  for (std::size_t k = 1; k <= a.size(); ++k) {
    whole.push_back(a[(i + k) % a.size()]);
  }
  for (std::size_t k = 2; k < b.size(); ++k) {
    whole.push_back(b[(j + k) % b.size()]);
  }
  return whole;
}

bool join_one(std::vector<Plan>& pieces) {
  for (std::size_t p = 0; p < pieces.size(); ++p) {
    for (std::size_t q = 0; q < pieces.size(); ++q) {
      if (p == q) {
        continue;
      }
      for (std::size_t i = 0; i < pieces[p].size(); ++i) {
        for (std::size_t j = 0; j < pieces[q].size(); ++j) {
          const bool shared = pieces[p][i] == pieces[q][(j + 1) % pieces[q].size()] &&
                              pieces[p][(i + 1) % pieces[p].size()] == pieces[q][j];
          if (!shared) {
            continue;
          }
          Plan whole = joined(pieces[p], i, pieces[q], j);
          if (is_convex(whole)) {
            pieces[p] = std::move(whole);
            pieces.erase(pieces.begin() + static_cast<std::ptrdiff_t>(q));
            return true;
          }
        }
      }
    }
  }
  return false;
}

}  // namespace

double plan_area(const Plan& plan) {
  double twice = 0;
  for (std::size_t i = 0; i < plan.size(); ++i) {
    const PlanPoint a = plan[i];
    const PlanPoint b = plan[(i + 1) % plan.size()];
    twice += a.x * b.y - b.x * a.y;
  }
  return 0.5 * twice;
}

bool plan_crosses_itself(const Plan& plan) {
  const std::size_t count = plan.size();
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = i + 2; j < count; ++j) {
      const bool neighbours = i == 0 && j == count - 1;
      if (!neighbours && touch(plan[i], plan[(i + 1) % count], plan[j], plan[(j + 1) % count])) {
        return true;
      }
    }
  }
  return false;
}

std::vector<Plan> convex_pieces(const Plan& plan) {
  std::vector<Plan> pieces = triangulate(plan);
  while (join_one(pieces)) {
  }
  return pieces;
}

}  // namespace mmi::worlds::rooms
