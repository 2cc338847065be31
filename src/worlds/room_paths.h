#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "mmi/worlds/rooms/simulate.h"
#include "worlds/room_geometry.h"
#include "worlds/room_synthesis.h"

namespace mmi::worlds::rooms {

inline constexpr int kMaxOrder = 4;

/// sqrt(exp(-m d)) in steps, for each band.
class AirTable {
 public:
  static constexpr double kStepsPerMetre = 10;

  AirTable(double longest_m, bool air);

  double longest_m() const {
    return longest_m_;
  }

  MMI_INLINE F8 at(double distance_m) const {
    const auto step = static_cast<std::size_t>(distance_m * kStepsPerMetre);
    const float part = static_cast<float>(distance_m * kStepsPerMetre - static_cast<double>(step));
    return values_[step] + part * (values_[step + 1] - values_[step]);
  }

  const std::vector<F8>& values() const {
    return values_;
  }

 private:
  double longest_m_;
  std::vector<F8> values_;
};

/// Planes that a ray from the receiver meets one after another; -1 fills the rest.
using Sequence = std::array<std::int32_t, kMaxOrder>;

/// Sequences of 1 to `order` specular reflections seen from the receiver, sorted: `rays` directions
/// of a Fibonacci spiral are followed.
std::vector<Sequence> find_sequences(const Geometry& geometry, Vec3 receiver, int order, int rays);

/// The direct sound and every sequence that connects the source with the receiver without an
/// obstacle. Each reflection keeps pressure_kept().
std::vector<Path> specular_paths(
    const Geometry& geometry,
    const std::vector<Sequence>& sequences,
    const Source& source,
    Vec3 receiver,
    const AirTable& air);

/// Six walls of an empty room whose edges follow the axes.
struct Shoebox {
  Vec3 low;
  Vec3 high;
  std::array<int, 6> materials;  ///< -x, +x, -y, +y, -z, +z
};

std::optional<Shoebox> as_shoebox(const Scene& scene, const Geometry& geometry);

/// Pressure that survives a specular reflection: sqrt((1 - absorption)(1 - scattering)) a band.
F8 pressure_kept(const Geometry& geometry, int material);

/// Directivity of a source towards a direction (unit, from the source).
inline float gain(const Source& source, Vec3 towards) {
  return static_cast<float>(source.omni + (1 - source.omni) * dot(source.facing, towards));
}

/// Direct sound and all images of a shoebox up to `image_order` reflections (L1 norm of the
/// lattice; -1: all that arrive within the response), in closed form (Allen & Berkley 1979). They
/// go to `train`, and to `paths` unless it is null.
void lattice_paths(
    const Geometry& geometry,
    const Shoebox& room,
    const Source& source,
    Vec3 receiver,
    const SimulateOptions& options,
    const AirTable& air,
    PulseTrain& train,
    std::vector<Path>* paths);

}  // namespace mmi::worlds::rooms
