#pragma once

#include <cmath>

#include "worlds/room_geometry.h"

#define MMI_INLINED __attribute__((always_inline))  // of a lambda

/// Inner loops of the tracer, inlined into what `widest` runs.
namespace mmi::worlds::rooms::kernels {

constexpr float kNear = 1e-4F;  // m; closer hits are the surface a ray starts on
constexpr float kEdge = 1e-5F;  // shares of an edge by which faces overlap, so no ray slips out
constexpr float kParallel = 1e-20F;  // smallest slope that is divided by

#if defined(__x86_64__)
template <class Work>
__attribute__((target("avx2,fma"))) auto with_avx2(const Work& work) {
  return work();
}

/// Runs an MMI_INLINED lambda, compiled for AVX2 with FMA where the processor has them.
template <class Work>
auto widest(const Work& work) {
  static const bool wide = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return wide ? with_avx2(work) : work();
}
#else
template <class Work>
auto widest(const Work& work) {
  return work();
}
#endif

struct Point {
  float x, y, z;
};

MMI_INLINE Point point(const Vec3& a) {
  return {static_cast<float>(a.x), static_cast<float>(a.y), static_cast<float>(a.z)};
}

MMI_INLINE float dot(const Point& a, const Point& b) {
  return a.x * b.x + a.y * b.y + a.z * b.z;
}

MMI_INLINE bool any(const I8& mask) {
  using Wide = std::int64_t __attribute__((vector_size(32)));
  const Wide wide = reinterpret_cast<const Wide&>(mask);
  return (wide[0] | wide[1] | wide[2] | wide[3]) != 0;
}

MMI_INLINE F8 smaller(const F8& a, const F8& b) {
  return a < b ? a : b;
}

MMI_INLINE F8 larger(const F8& a, const F8& b) {
  return a > b ? a : b;
}

/// Lanes that the ray hits at kNear < distance < limit.
MMI_INLINE I8
hits(const FaceBlock& b, const Point& o, const Point& d, int skip, const F8& limit, F8& distance) {
  const F8 slope = b.nx * d.x + b.ny * d.y + b.nz * d.z;
  const F8 height = b.d - (b.nx * o.x + b.ny * o.y + b.nz * o.z);
  distance = height / slope;
  const F8 u = b.ux * o.x + b.uy * o.y + b.uz * o.z + b.u0 +
               distance * (b.ux * d.x + b.uy * d.y + b.uz * d.z);
  const F8 v = b.vx * o.x + b.vy * o.y + b.vz * o.z + b.v0 +
               distance * (b.vx * d.x + b.vy * d.y + b.vz * d.z);
  const F8 low = smaller(u, v);
  const F8 high = larger(u, v);
  return (distance > kNear) & (distance < limit) & (low >= -kEdge) & (high <= 1 + kEdge) &
         (u + v <= b.limit) & (b.surface != skip);
}

/// Lanes that a ray from outside enters at kNear < distance < limit. `inverse` is 1 / direction.
MMI_INLINE I8 enters(
    const BoxBlock& b,
    const Point& o,
    const Point& inverse,
    int skip,
    const F8& limit,
    F8& distance) {
  const F8 x1 = (b.low_x - o.x) * inverse.x;
  const F8 x2 = (b.high_x - o.x) * inverse.x;
  const F8 y1 = (b.low_y - o.y) * inverse.y;
  const F8 y2 = (b.high_y - o.y) * inverse.y;
  const F8 z1 = (b.low_z - o.z) * inverse.z;
  const F8 z2 = (b.high_z - o.z) * inverse.z;
  const F8 first = larger(larger(smaller(x1, x2), smaller(y1, y2)), smaller(z1, z2));
  const F8 last = smaller(smaller(larger(x1, x2), larger(y1, y2)), larger(z1, z2));
  distance = first;
  return (first <= last) & (first > kNear) & (first < limit) & (b.box != skip);
}

/// 1 / x that stays finite.
MMI_INLINE float inverse(float x) {
  return 1.0F / (std::fabs(x) > kParallel ? x : std::copysign(kParallel, x));
}

struct Nearest {
  F8 distance;
  I8 index;
};

MMI_INLINE void closest_in(
    const FaceBlock& block, const Point& o, const Point& d, int skip, Nearest& best) {
  F8 distance;
  const I8 hit = hits(block, o, d, skip, best.distance, distance);
  best.distance = hit ? distance : best.distance;
  best.index = hit ? block.polygon : best.index;
}

/// Lane 0 is the smallest of all lanes.
template <class Eight>
MMI_INLINE Eight least_of_all(const Eight& a) {
  const Eight half = __builtin_shufflevector(a, a, 4, 5, 6, 7, 0, 1, 2, 3);
  const Eight four = a < half ? a : half;
  const Eight quarter = __builtin_shufflevector(four, four, 2, 3, 0, 1, 6, 7, 4, 5);
  const Eight two = four < quarter ? four : quarter;
  const Eight eighth = __builtin_shufflevector(two, two, 1, 0, 3, 2, 5, 4, 7, 6);
  return two < eighth ? two : eighth;
}

/// The first lane of the smallest distance.
MMI_INLINE int best_lane(const Nearest& best) {
  constexpr I8 kLanes{0, 1, 2, 3, 4, 5, 6, 7};
  const F8 least = least_of_all(best.distance);
  return least_of_all(best.distance == least ? kLanes : I8{} + 7)[0];
}

/// The ray meets the box of a node before `limit`.
MMI_INLINE bool meets(const Node& node, const Point& o, const Point& inv, float limit) {
  const auto x1 = (static_cast<float>(node.low.x) - o.x) * inv.x;
  const auto x2 = (static_cast<float>(node.high.x) - o.x) * inv.x;
  const auto y1 = (static_cast<float>(node.low.y) - o.y) * inv.y;
  const auto y2 = (static_cast<float>(node.high.y) - o.y) * inv.y;
  const auto z1 = (static_cast<float>(node.low.z) - o.z) * inv.z;
  const auto z2 = (static_cast<float>(node.high.z) - o.z) * inv.z;
  const float first = std::fmax(std::fmax(std::fmin(x1, x2), std::fmin(y1, y2)), std::fmin(z1, z2));
  const float last = std::fmin(std::fmin(std::fmax(x1, x2), std::fmax(y1, y2)), std::fmax(z1, z2));
  return first <= last && last >= 0 && first < limit;
}

MMI_INLINE void closest_in_tree(
    const Geometry& g, const Point& o, const Point& d, const Point& inv, int skip, Nearest& best) {
  int stack[64];
  int depth = 0;
  stack[depth++] = 0;
  float limit = least_of_all(best.distance)[0];
  while (depth > 0) {
    const Node& node = g.nodes[static_cast<std::size_t>(stack[--depth])];
    if (!meets(node, o, inv, limit)) {
      continue;
    }
    if (node.block >= 0) {
      closest_in(g.blocks[static_cast<std::size_t>(node.block)], o, d, skip, best);
      limit = least_of_all(best.distance)[0];
      continue;
    }
    stack[depth++] = node.left;
    stack[depth++] = node.right;
  }
}

MMI_INLINE Hit
closest(const Geometry& g, const Point& o, const Point& d, float limit, const Skip& skip) {
  Nearest face{F8{} + limit, I8{} - 1};
  const Point inv{inverse(d.x), inverse(d.y), inverse(d.z)};
  if (g.nodes.empty()) {
    for (const FaceBlock& block : g.blocks) {
      closest_in(block, o, d, skip.surface, face);
    }
  } else {
    closest_in_tree(g, o, d, inv, skip.surface, face);
  }
  const int face_lane = best_lane(face);
  Hit hit{face.distance[face_lane], face.index[face_lane], {}};
  if (!g.boxes.empty()) {
    Nearest box{F8{} + hit.distance, I8{} - 1};
    for (const BoxBlock& block : g.boxes) {
      F8 distance;
      const I8 entered = enters(block, o, inv, skip.box, box.distance, distance);
      box.distance = entered ? distance : box.distance;
      box.index = entered ? block.box : box.index;
    }
    const int lane = best_lane(box);
    const int found = box.index[lane];
    if (found >= 0) {
      const auto& b = g.boxes[static_cast<std::size_t>(found) / 8];
      const int at = found % 8;
      const float t = box.distance[lane];
      // The side whose plane the ray crosses last on its way in.
      const float x = ((d.x > 0 ? b.low_x[at] : b.high_x[at]) - o.x) * inv.x;
      const float y = ((d.y > 0 ? b.low_y[at] : b.high_y[at]) - o.y) * inv.y;
      const float z = ((d.z > 0 ? b.low_z[at] : b.high_z[at]) - o.z) * inv.z;
      const int side = x >= y && x >= z ? (d.x > 0 ? 0 : 1)
                       : y >= z         ? (d.y > 0 ? 2 : 3)
                                        : (d.z > 0 ? 4 : 5);
      hit.distance = t;
      hit.polygon = g.box_polygons[static_cast<std::size_t>(found)][static_cast<std::size_t>(side)];
      hit.from.box = found;
      return hit;
    }
  }
  if (hit.polygon >= 0) {
    hit.from.surface = g.faces[static_cast<std::size_t>(hit.polygon)].surface;
  }
  return hit;
}

MMI_INLINE bool hidden_in_tree(
    const Geometry& g,
    const Point& o,
    const Point& d,
    const Point& inv,
    int skip,
    const F8& limit) {
  int stack[64];
  int depth = 0;
  stack[depth++] = 0;
  while (depth > 0) {
    const Node& node = g.nodes[static_cast<std::size_t>(stack[--depth])];
    if (!meets(node, o, inv, limit[0])) {
      continue;
    }
    if (node.block >= 0) {
      F8 distance;
      if (any(hits(g.blocks[static_cast<std::size_t>(node.block)], o, d, skip, limit, distance))) {
        return true;
      }
      continue;
    }
    stack[depth++] = node.left;
    stack[depth++] = node.right;
  }
  return false;
}

/// Something lies on the way of `length` metres along the unit direction d.
MMI_INLINE bool hidden(
    const Geometry& g, const Point& o, const Point& d, float length, const Skip& skip) {
  const F8 limit = F8{} + (length - kNear);
  const Point inv{inverse(d.x), inverse(d.y), inverse(d.z)};
  F8 distance;
  for (const BoxBlock& block : g.boxes) {
    if (any(enters(block, o, inv, skip.box, limit, distance))) {
      return true;
    }
  }
  if (!g.nodes.empty()) {
    return hidden_in_tree(g, o, d, inv, skip.surface, limit);
  }
  for (const FaceBlock& block : g.screens) {
    if (any(hits(block, o, d, skip.surface, limit, distance))) {
      return true;
    }
  }
  return false;
}

}  // namespace mmi::worlds::rooms::kernels
