#include "worlds/room_geometry.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <numbers>
#include <optional>
#include <span>

#include "worlds/room_kernels.h"

namespace mmi::worlds::rooms {
namespace {

constexpr double kTouch = 1e-5;          // m
constexpr std::size_t kLoopBlocks = 12;  // up to so many blocks a loop beats a tree

/// A parallelogram or triangle: origin and two edges.
struct Piece {
  Vec3 origin;
  Vec3 u;
  Vec3 v;
  bool triangle = true;
  int polygon = 0;
};

// Parallelograms stay whole, anything else becomes a fan of triangles.
void cut(const Polygon& polygon, int index, std::vector<Piece>& pieces) {
  const auto& c = polygon.corners;
  if (c.size() == 4 && norm(c[0] + c[2] - (c[1] + c[3])) < kTouch) {
    pieces.push_back({c[0], c[1] - c[0], c[3] - c[0], false, index});
    return;
  }
  for (std::size_t i = 1; i + 1 < c.size(); ++i) {
    pieces.push_back({c[0], c[i] - c[0], c[i + 1] - c[0], true, index});
  }
}

Vec3 centre(const Piece& p) {
  return p.origin + (p.triangle ? 1.0 / 3 : 0.5) * (p.u + p.v);
}

void grow(Vec3 point, Vec3& low, Vec3& high) {
  low = {std::min(low.x, point.x), std::min(low.y, point.y), std::min(low.z, point.z)};
  high = {std::max(high.x, point.x), std::max(high.y, point.y), std::max(high.z, point.z)};
}

constexpr double kFar = std::numeric_limits<float>::max();

FaceBlock pack(std::span<const Piece> pieces, const std::vector<Geometry::Face>& faces) {
  FaceBlock block{};
  for (int lane = 0; lane < 8; ++lane) {
    block.polygon[lane] = -1;
    block.surface[lane] = -1;
    block.d[lane] = std::numeric_limits<float>::quiet_NaN();  // no comparison with it is true
  }
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const Piece& p = pieces[i];
    const int lane = static_cast<int>(i);
    const auto& face = faces[static_cast<std::size_t>(p.polygon)];
    // Rows U, V of the inverse of [u v n]: coordinates of a point of the plane along the edges.
    const Vec3 n = cross(p.u, p.v);
    const double volume = dot(n, n);
    const Vec3 row_u = (1 / volume) * cross(p.v, n);
    const Vec3 row_v = (1 / volume) * cross(n, p.u);
    const auto put = [lane](F8& where, double value) { where[lane] = static_cast<float>(value); };
    put(block.nx, face.normal.x);
    put(block.ny, face.normal.y);
    put(block.nz, face.normal.z);
    put(block.d, face.offset);
    put(block.ux, row_u.x);
    put(block.uy, row_u.y);
    put(block.uz, row_u.z);
    put(block.u0, -dot(row_u, p.origin));
    put(block.vx, row_v.x);
    put(block.vy, row_v.y);
    put(block.vz, row_v.z);
    put(block.v0, -dot(row_v, p.origin));
    put(block.limit, p.triangle ? 1 + 2 * kernels::kEdge : 3);
    block.surface[lane] = face.surface;
    block.polygon[lane] = p.polygon;
  }
  return block;
}

/// Leaves of at most eight pieces, split at the median of the longest side.
class TreeBuilder {
 public:
  TreeBuilder(const std::vector<Geometry::Face>& faces, Geometry& out) : faces_(faces), out_(out) {}

  int build(std::span<Piece> pieces) {
    Node node{{kFar, kFar, kFar}, {-kFar, -kFar, -kFar}, -1, -1, -1};
    Vec3 low = node.low;
    Vec3 high = node.high;
    for (const Piece& p : pieces) {
      grow(p.origin, node.low, node.high);
      grow(p.origin + p.u, node.low, node.high);
      grow(p.origin + p.v, node.low, node.high);
      if (!p.triangle) {
        grow(p.origin + p.u + p.v, node.low, node.high);
      }
      grow(centre(p), low, high);
    }
    node.low = node.low - Vec3{kTouch, kTouch, kTouch};
    node.high = node.high + Vec3{kTouch, kTouch, kTouch};
    const auto index = out_.nodes.size();
    out_.nodes.push_back(node);
    if (pieces.size() <= 8) {
      out_.nodes[index].block = static_cast<int>(out_.blocks.size());
      out_.blocks.push_back(pack(pieces, faces_));
      return static_cast<int>(index);
    }
    const Vec3 size = high - low;
    const auto along = [&](Vec3 p) {
      return size.x >= size.y && size.x >= size.z ? p.x : size.y >= size.z ? p.y : p.z;
    };
    // Whole blocks on the left, so that few lanes stay unused.
    const auto half = static_cast<std::ptrdiff_t>((pieces.size() / 2 + 7) / 8 * 8);
    std::nth_element(
        pieces.begin(), pieces.begin() + half, pieces.end(), [&](const Piece& a, const Piece& b) {
          return along(centre(a)) < along(centre(b));
        });
    const int left = build(pieces.first(static_cast<std::size_t>(half)));
    const int right = build(pieces.subspan(static_cast<std::size_t>(half)));
    out_.nodes[index].left = left;
    out_.nodes[index].right = right;
    return static_cast<int>(index);
  }

 private:
  const std::vector<Geometry::Face>& faces_;
  Geometry& out_;
};

/// Planes, each once; the same plane seen from either side is one surface. Cells are 0.1 mm wide; a
/// plane on the border of two may become two surfaces, which costs a little time and nothing else.
class Surfaces {
 public:
  int find(Vec3 normal, double offset, Geometry& out) {
    const double lead = std::abs(normal.x) > 1e-6   ? normal.x
                        : std::abs(normal.y) > 1e-6 ? normal.y
                                                    : normal.z;
    const double sign = lead < 0 ? -1 : 1;
    const auto cell = [sign](double v) { return std::llround(sign * v * 1e4 + 0.3183); };
    const Key key{cell(normal.x), cell(normal.y), cell(normal.z), cell(offset)};
    const auto [at, fresh] = known_.emplace(key, static_cast<int>(out.normals.size()));
    if (fresh) {
      out.normals.push_back(normal);
      out.offsets.push_back(offset);
    }
    return at->second;
  }

 private:
  using Key = std::array<std::int64_t, 4>;
  std::map<Key, int> known_;
};

// The side of an axis-aligned box that a polygon is: -x, +x, -y, +y, -z, +z.
std::optional<int> side_of(const Polygon& polygon, Vec3 normal, Vec3 low, Vec3 high) {
  if (polygon.corners.size() != 4) {
    return {};
  }
  for (const Vec3 c : polygon.corners) {
    const bool corner = (std::abs(c.x - low.x) < kTouch || std::abs(c.x - high.x) < kTouch) &&
                        (std::abs(c.y - low.y) < kTouch || std::abs(c.y - high.y) < kTouch) &&
                        (std::abs(c.z - low.z) < kTouch || std::abs(c.z - high.z) < kTouch);
    if (!corner) {
      return {};
    }
  }
  const std::array<double, 6> facing{-normal.x, normal.x, -normal.y, normal.y, -normal.z, normal.z};
  for (int side = 0; side < 6; ++side) {
    if (facing[static_cast<std::size_t>(side)] > 1 - 1e-9) {
      return side;
    }
  }
  return {};
}

struct SolidBox {
  Vec3 low{kFar, kFar, kFar};
  Vec3 high{-kFar, -kFar, -kFar};
  std::array<int, 6> polygons{-1, -1, -1, -1, -1, -1};
};

// Objects whose polygons are the six sides of a box.
std::map<int, SolidBox> find_boxes(const Scene& scene, const std::vector<Geometry::Face>& faces) {
  std::map<int, std::vector<int>> members;
  for (std::size_t p = 0; p < scene.polygons.size(); ++p) {
    if (scene.polygons[p].object != 0) {
      members[scene.polygons[p].object].push_back(static_cast<int>(p));
    }
  }
  std::map<int, SolidBox> boxes;
  for (const auto& [object, polygons] : members) {
    if (polygons.size() != 6) {
      continue;
    }
    SolidBox box;
    for (const int p : polygons) {
      for (const Vec3 corner : scene.polygons[static_cast<std::size_t>(p)].corners) {
        grow(corner, box.low, box.high);
      }
    }
    for (const int p : polygons) {
      const auto at = static_cast<std::size_t>(p);
      if (const auto side = side_of(scene.polygons[at], faces[at].normal, box.low, box.high)) {
        box.polygons[static_cast<std::size_t>(*side)] = p;
      }
    }
    if (std::count(box.polygons.begin(), box.polygons.end(), -1) == 0) {
      boxes.emplace(object, box);
    }
  }
  return boxes;
}

// No corner of the scene lies behind the plane: it bounds everything and hides nothing.
bool is_outer(const Scene& scene, const Geometry::Face& face) {
  for (const Polygon& polygon : scene.polygons) {
    for (const Vec3 corner : polygon.corners) {
      if (dot(face.normal, corner) < face.offset - kTouch) {
        return false;
      }
    }
  }
  return true;
}

void add_box(const SolidBox& box, Geometry& out) {
  const std::size_t index = out.box_polygons.size();
  if (index % 8 == 0) {
    BoxBlock empty{};
    for (int lane = 0; lane < 8; ++lane) {
      for (F8* side :
           {&empty.low_x,
            &empty.low_y,
            &empty.low_z,
            &empty.high_x,
            &empty.high_y,
            &empty.high_z}) {
        (*side)[lane] = std::numeric_limits<float>::infinity();  // farther than any limit
      }
      empty.box[lane] = -1;
    }
    out.boxes.push_back(empty);
  }
  BoxBlock& block = out.boxes.back();
  const int lane = static_cast<int>(index % 8);
  block.low_x[lane] = static_cast<float>(box.low.x);
  block.low_y[lane] = static_cast<float>(box.low.y);
  block.low_z[lane] = static_cast<float>(box.low.z);
  block.high_x[lane] = static_cast<float>(box.high.x);
  block.high_y[lane] = static_cast<float>(box.high.y);
  block.high_z[lane] = static_cast<float>(box.high.z);
  block.box[lane] = static_cast<int>(index);
  out.box_polygons.push_back(box.polygons);
}

}  // namespace

Geometry::Geometry(const Scene& scene) : low{kFar, kFar, kFar}, high{-kFar, -kFar, -kFar} {
  Surfaces surfaces;
  for (const Polygon& polygon : scene.polygons) {
    const Vec3 normal = unit(area_vector(polygon));
    const double offset = dot(normal, polygon.corners.at(0));
    faces.push_back({normal, offset, surfaces.find(normal, offset, *this), polygon.material});
    for (const Vec3 corner : polygon.corners) {
      grow(corner, low, high);
    }
  }
  for (const Material& material : scene.materials) {
    F8 kept;
    for (int b = 0; b < 8; ++b) {
      kept[b] = 1 - material.absorption[static_cast<std::size_t>(b)];
    }
    reflected.push_back(kept);
    scattering.push_back(static_cast<float>(material.scattering));
  }
  const std::map<int, SolidBox> solid = find_boxes(scene, faces);
  for (const auto& [object, box] : solid) {
    add_box(box, *this);
  }
  std::vector<Piece> pieces;
  std::vector<Piece> hiding;
  for (std::size_t p = 0; p < scene.polygons.size(); ++p) {
    if (solid.contains(scene.polygons[p].object) || norm(area_vector(scene.polygons[p])) < 1e-12) {
      continue;
    }
    cut(scene.polygons[p], static_cast<int>(p), pieces);
  }
  if (pieces.size() > 8 * kLoopBlocks) {
    TreeBuilder(faces, *this).build(pieces);
    return;
  }
  for (const Piece& piece : pieces) {
    if (!is_outer(scene, faces[static_cast<std::size_t>(piece.polygon)])) {
      hiding.push_back(piece);
    }
  }
  for (std::size_t i = 0; i < pieces.size(); i += 8) {
    const std::span<const Piece> all(pieces);
    blocks.push_back(pack(all.subspan(i, std::min<std::size_t>(8, pieces.size() - i)), faces));
  }
  for (std::size_t i = 0; i < hiding.size(); i += 8) {
    const std::span<const Piece> all(hiding);
    screens.push_back(pack(all.subspan(i, std::min<std::size_t>(8, hiding.size() - i)), faces));
  }
}

Vec3 spiral_direction(std::int64_t i, std::int64_t count, double turn) {
  constexpr double kGolden = std::numbers::pi * (3 - 2.2360679774997896964);
  const double z = 1 - (2 * static_cast<double>(i) + 1) / static_cast<double>(count);
  const double flat = std::sqrt(1 - z * z);
  const double angle = kGolden * static_cast<double>(i) + turn;
  return {flat * std::cos(angle), flat * std::sin(angle), z};
}

Hit trace(const Geometry& geometry, Vec3 origin, Vec3 direction, float limit, Skip skip) {
  return kernels::widest([&]() MMI_INLINED {
    return kernels::closest(
        geometry, kernels::point(origin), kernels::point(direction), limit, skip);
  });
}

bool sees(const Geometry& geometry, Vec3 from, Vec3 to, Skip skip) {
  const Vec3 way = to - from;
  const double length = norm(way);
  return kernels::widest([&]() MMI_INLINED {
    return !kernels::hidden(
        geometry,
        kernels::point(from),
        kernels::point((1 / length) * way),
        static_cast<float>(length),
        skip);
  });
}

}  // namespace mmi::worlds::rooms
