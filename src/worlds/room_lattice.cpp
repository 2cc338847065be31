#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "worlds/room_kernels.h"
#include "worlds/room_paths.h"

namespace mmi::worlds::rooms {
namespace {

/// Images along one axis: what is needed of image n, reflected |n| times.
struct AxisImage {
  double way;  ///< from the receiver to the image
  int order;
  F8 kept;
};

F8 raised(const F8& base, int power) {
  F8 out = F8{} + 1.0F;
  for (int i = 0; i < power; ++i) {
    out *= base;
  }
  return out;
}

// Even n shifts the source by n lengths, odd n mirrors it as well. Going up, the far wall is met
// first; going down, the near one.
std::vector<AxisImage> images_along(
    double low,
    double high,
    double source,
    double receiver,
    int most,
    double longest,
    const F8& low_kept,
    const F8& high_kept) {
  const double length = high - low;
  std::vector<AxisImage> images;
  for (int n = -most; n <= most; ++n) {
    const double place =
        n % 2 == 0 ? low + n * length + (source - low) : low + (n + 1) * length - (source - low);
    const int first = (std::abs(n) + 1) / 2;
    const int second = std::abs(n) / 2;
    const F8 kept = n >= 0 ? raised(high_kept, first) * raised(low_kept, second)
                           : raised(low_kept, first) * raised(high_kept, second);
    if (std::abs(place - receiver) < longest) {
      images.push_back({place - receiver, std::abs(n), kept});
    }
  }
  return images;
}

struct Lattice {
  std::array<std::vector<AxisImage>, 3> axes;
  int order;  // most reflections in all
  double longest;
};

template <class Place>
MMI_INLINE void visit(const Lattice& lattice, Place&& place) {
  const double limit = lattice.longest * lattice.longest;
  for (const AxisImage& x : lattice.axes[0]) {
    for (const AxisImage& y : lattice.axes[1]) {
      const double flat = x.way * x.way + y.way * y.way;
      const int order = x.order + y.order;
      if (flat >= limit || order > lattice.order) {
        continue;
      }
      const F8 kept = x.kept * y.kept;
      for (const AxisImage& z : lattice.axes[2]) {
        const double square = flat + z.way * z.way;
        if (square < limit && order + z.order <= lattice.order) {
          place(x, y, z, std::sqrt(square), kept * z.kept);
        }
      }
    }
  }
}

// Where the sound left the source: the direction from the image to the receiver, mirrored once a
// reflection.
Vec3 departure(const AxisImage& x, const AxisImage& y, const AxisImage& z, double distance) {
  const auto sign = [](const AxisImage& a) { return a.order % 2 == 0 ? -1.0 : 1.0; };
  return (1 / distance) * Vec3{sign(x) * x.way, sign(y) * y.way, sign(z) * z.way};
}

void add_pulses(
    const Lattice& lattice, const Source& source, const AirTable& air, PulseTrain& train) {
  const bool directed = source.omni != 1;
  kernels::widest([&]() MMI_INLINED {
    visit(
        lattice,
        [&](const AxisImage& x, const AxisImage& y, const AxisImage& z, double d, const F8& kept)
            MMI_INLINED {
              float level = static_cast<float>(1 / d);
              if (directed) {
                level *= gain(source, departure(x, y, z, d));
              }
              train.add(d, level * kept * air.at(d));
            });
  });
}

}  // namespace

void lattice_paths(
    const Geometry& geometry,
    const Shoebox& room,
    const Source& source,
    Vec3 receiver,
    const SimulateOptions& options,
    const AirTable& air,
    PulseTrain& train,
    std::vector<Path>* paths) {
  const double longest = air.longest_m();
  const Vec3 size = room.high - room.low;
  const auto most = [&](double length) {
    const int within = static_cast<int>(longest / length) + 2;
    return options.image_order < 0 ? within : std::min(within, options.image_order);
  };
  const auto kept = [&](std::size_t side) { return pressure_kept(geometry, room.materials[side]); };
  const Vec3 s = source.position;
  Lattice lattice{
      {images_along(
           room.low.x, room.high.x, s.x, receiver.x, most(size.x), longest, kept(0), kept(1)),
       images_along(
           room.low.y, room.high.y, s.y, receiver.y, most(size.y), longest, kept(2), kept(3)),
       images_along(
           room.low.z, room.high.z, s.z, receiver.z, most(size.z), longest, kept(4), kept(5))},
      options.image_order < 0 ? 1 << 30 : options.image_order,
      longest};
  add_pulses(lattice, source, air, train);
  if (paths == nullptr) {
    return;
  }
  visit(
      lattice,
      [&](const AxisImage& x, const AxisImage& y, const AxisImage& z, double d, const F8& kept) {
        const F8 amplitude =
            static_cast<float>(gain(source, departure(x, y, z, d)) / d) * kept * air.at(d);
        Path path{d, x.order + y.order + z.order, {}, (1 / d) * Vec3{x.way, y.way, z.way}, {}};
        for (int b = 0; b < 8; ++b) {
          path.amplitude[static_cast<std::size_t>(b)] = amplitude[b];
        }
        paths->push_back(std::move(path));
      });
}

}  // namespace mmi::worlds::rooms
