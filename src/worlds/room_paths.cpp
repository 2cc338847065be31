#include "worlds/room_paths.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "worlds/room_kernels.h"

namespace mmi::worlds::rooms {
namespace {

Vec3 mirrored(Vec3 point, Vec3 normal, double offset) {
  return point - (2 * (dot(normal, point) - offset)) * normal;
}

Bands as_bands(const F8& values) {
  Bands made{};
  for (int b = 0; b < 8; ++b) {
    made[static_cast<std::size_t>(b)] = values[b];
  }
  return made;
}

MMI_INLINE void follow(
    const Geometry& g, const Vec3& from, const Vec3& direction, int order, Sequence& sequence) {
  kernels::Point o = kernels::point(from);
  kernels::Point d = kernels::point(direction);
  Skip skip;
  for (int k = 0; k < order; ++k) {
    const Hit hit = kernels::closest(g, o, d, 1e9F, skip);
    if (hit.polygon < 0) {
      return;
    }
    const auto& face = g.faces[static_cast<std::size_t>(hit.polygon)];
    sequence[static_cast<std::size_t>(k)] = face.surface;
    const kernels::Point n = kernels::point(face.normal);
    const float slope = 2 * kernels::dot(d, n);
    o = {o.x + hit.distance * d.x, o.y + hit.distance * d.y, o.z + hit.distance * d.z};
    d = {d.x - slope * n.x, d.y - slope * n.y, d.z - slope * n.z};
    skip = hit.from;
  }
}

struct SequenceHash {
  std::size_t operator()(const Sequence& s) const {
    std::uint64_t hash = 0;
    for (const std::int32_t surface : s) {
      hash = (hash ^ static_cast<std::uint64_t>(surface + 1)) * 0x9E3779B97F4A7C15ULL;
      hash ^= hash >> 29;
    }
    return static_cast<std::size_t>(hash);
  }
};

int length_of(const Sequence& sequence) {
  return static_cast<int>(std::find(sequence.begin(), sequence.end(), -1) - sequence.begin());
}

// Walks from the source to the images of the receiver; true when each plane of the sequence is what
// the way meets first, and the receiver is seen at its end.
bool connects(
    const Geometry& g,
    const Sequence& sequence,
    int order,
    const std::array<Vec3, kMaxOrder + 1>& images,
    Vec3 source,
    F8& amplitude,
    Vec3& last) {
  Vec3 at = source;
  Skip skip;
  for (int k = order - 1; k >= 0; --k) {
    const Vec3 image = images[static_cast<std::size_t>(k) + 1];
    const auto surface = static_cast<std::size_t>(sequence[static_cast<std::size_t>(k)]);
    const Vec3 normal = g.normals[surface];
    const double height = dot(normal, at) - g.offsets[surface];
    const double behind = dot(normal, image) - g.offsets[surface];
    if (height * behind >= 0) {
      return false;  // the plane does not lie between them
    }
    const Vec3 way = image - at;
    const double share = height / (height - behind);
    const double length = share * norm(way);
    const Hit hit = trace(g, at, unit(way), static_cast<float>(length * (1 + 1e-4) + 1e-3), skip);
    if (hit.polygon < 0 ||
        g.faces[static_cast<std::size_t>(hit.polygon)].surface != static_cast<int>(surface)) {
      return false;
    }
    amplitude *= pressure_kept(g, g.faces[static_cast<std::size_t>(hit.polygon)].material);
    at = at + share * way;
    skip = hit.from;
  }
  last = at;
  return sees(g, at, images[0], skip);
}

}  // namespace

F8 pressure_kept(const Geometry& geometry, int material) {
  const auto m = static_cast<std::size_t>(material);
  F8 kept;
  for (int b = 0; b < 8; ++b) {
    kept[b] = std::sqrt(geometry.reflected[m][b] * (1 - geometry.scattering[m]));
  }
  return kept;
}

std::vector<Sequence> find_sequences(const Geometry& geometry, Vec3 receiver, int order, int rays) {
  std::unordered_set<Sequence, SequenceHash> found;
  Sequence none;
  none.fill(-1);
  for (int i = 0; i < rays && order > 0; ++i) {
    const Vec3 direction = spiral_direction(i, rays);
    Sequence sequence = none;
    kernels::widest([&]() MMI_INLINED { follow(geometry, receiver, direction, order, sequence); });
    // The longest is most often known, and then so are its beginnings.
    for (int length = length_of(sequence); length > 0 && found.insert(sequence).second; --length) {
      sequence[static_cast<std::size_t>(length) - 1] = -1;
    }
  }
  std::vector<Sequence> sorted(found.begin(), found.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

std::vector<Path> specular_paths(
    const Geometry& geometry,
    const std::vector<Sequence>& sequences,
    const Source& source,
    Vec3 receiver,
    const AirTable& air) {
  std::vector<Path> paths;
  if (sees(geometry, source.position, receiver)) {
    const Vec3 way = source.position - receiver;
    const double distance = norm(way);
    const F8 amplitude =
        gain(source, unit(-1.0 * way)) / static_cast<float>(distance) * air.at(distance);
    paths.push_back({distance, 0, as_bands(amplitude), unit(way), {}});
  }
  for (const Sequence& sequence : sequences) {
    const int order = length_of(sequence);
    std::array<Vec3, kMaxOrder + 1> images{receiver};
    for (int k = 0; k < order; ++k) {
      const auto surface = static_cast<std::size_t>(sequence[static_cast<std::size_t>(k)]);
      images[static_cast<std::size_t>(k) + 1] = mirrored(
          images[static_cast<std::size_t>(k)],
          geometry.normals[surface],
          geometry.offsets[surface]);
    }
    const Vec3 farthest = images[static_cast<std::size_t>(order)];
    const double distance = norm(farthest - source.position);
    if (distance >= air.longest_m()) {
      continue;
    }
    F8 amplitude = F8{} + 1.0F;
    Vec3 last;
    if (!connects(geometry, sequence, order, images, source.position, amplitude, last)) {
      continue;
    }
    amplitude *= gain(source, unit(farthest - source.position)) / static_cast<float>(distance) *
                 air.at(distance);
    paths.push_back(
        {distance,
         order,
         as_bands(amplitude),
         unit(last - receiver),
         {sequence.begin(), sequence.begin() + order}});
  }
  return paths;
}

std::optional<Shoebox> as_shoebox(const Scene& scene, const Geometry& geometry) {
  if (scene.objects.size() > 1 || scene.polygons.size() != 6) {
    return {};
  }
  Shoebox room{geometry.low, geometry.high, {-1, -1, -1, -1, -1, -1}};
  const std::array<double, 6> sides{
      room.low.x, room.high.x, room.low.y, room.high.y, room.low.z, room.high.z};
  for (const Geometry::Face& face : geometry.faces) {
    const std::array<double, 6> inwards{
        face.normal.x,
        -face.normal.x,
        face.normal.y,
        -face.normal.y,
        face.normal.z,
        -face.normal.z};
    for (std::size_t side = 0; side < 6; ++side) {
      const double sign = side % 2 == 0 ? 1 : -1;
      if (inwards[side] > 1 - 1e-9 && std::abs(sign * face.offset - sides[side]) < 1e-6) {
        room.materials[side] = face.material;
      }
    }
  }
  if (std::count(room.materials.begin(), room.materials.end(), -1) > 0) {
    return {};
  }
  return room;
}

AirTable::AirTable(double longest_m, bool air) : longest_m_(longest_m) {
  const auto steps = static_cast<std::size_t>(longest_m * kStepsPerMetre) + 3;
  for (std::size_t i = 0; i < steps; ++i) {
    F8 kept;
    for (int b = 0; b < 8; ++b) {
      const double loss = air ? air_attenuation()[static_cast<std::size_t>(b)] : 0;
      kept[b] = static_cast<float>(std::exp(-0.5 * loss * static_cast<double>(i) / kStepsPerMetre));
    }
    values_.push_back(kept);
  }
}

}  // namespace mmi::worlds::rooms
