#include "worlds/room_rays.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "worlds/room_kernels.h"

namespace mmi::worlds::rooms {
namespace {

using kernels::dot;
using kernels::Point;

constexpr float kPi = std::numbers::pi_v<float>;
constexpr float kFarAway = 1e6F;    // m
constexpr float kNearest2 = 0.09F;  // m^2; the rain is not stronger than from 0.3 m

// Rain is by far less noisy than the spheres: after the first 50 ms each hit serves a quarter of
// the sources with four times the energy, which doubles the speed.
constexpr double kEarly_s = 0.05;
constexpr std::size_t kThinning = 4;

struct Target {
  Point at;
  Point facing;
  float omni;
};

/// Where eight targets are; unused lanes are far away.
struct TargetBlock {
  F8 x, y, z;
};

struct Job {
  const Geometry& geometry;
  std::vector<Target> targets;
  std::vector<TargetBlock> blocks;
  Point receiver;
  float longest;  // m
  float early;    // m
  float bins_per_metre;
  std::int64_t bins;
  float radius2;    // of the sphere round a source
  float per_chord;  // energy a metre of chord
  float quietest;
  int image_order;
  F8* energy;  // (S, bins)
};

float uniform(Rng& random) {
  return static_cast<float>(random.next_u32() >> 8) * 0x1p-24F;
}

Point on_sphere(Rng& random) {
  const float z = 2 * uniform(random) - 1;
  const float angle = 2 * kPi * uniform(random);
  const float radius = std::sqrt(std::max(0.0F, 1 - z * z));
  return {radius * std::cos(angle), radius * std::sin(angle), z};
}

MMI_INLINE Point along(const Point& o, float t, const Point& d) {
  return {o.x + t * d.x, o.y + t * d.y, o.z + t * d.z};
}

MMI_INLINE float directed(const Target& target, const Point& towards) {
  const float gain = target.omni + (1 - target.omni) * dot(target.facing, towards);
  return gain * gain;
}

MMI_INLINE void deposit(const Job& job, std::size_t s, float distance, const F8& energy) {
  const auto bin = static_cast<std::int64_t>(distance * job.bins_per_metre);
  if (bin < job.bins) {
    job.energy[static_cast<std::int64_t>(s) * job.bins + bin] += energy;
  }
}

// The leg of `length` from o passes spheres round sources.
MMI_INLINE void score_chords(
    const Job& job, const Point& o, const Point& d, float length, float before, const F8& energy) {
  for (std::size_t block = 0; block < job.blocks.size(); ++block) {
    const TargetBlock& at = job.blocks[block];
    const F8 x = at.x - o.x;
    const F8 y = at.y - o.y;
    const F8 z = at.z - o.z;
    const F8 nearest = x * d.x + y * d.y + z * d.z;
    const F8 half2 = job.radius2 - (x * x + y * y + z * z - nearest * nearest);
    const I8 met = half2 > 0;
    if (!kernels::any(met)) {
      continue;
    }
    for (int lane = 0; lane < 8; ++lane) {
      if (met[lane] == 0) {
        continue;
      }
      const std::size_t s = 8 * block + static_cast<std::size_t>(lane);
      const float half = std::sqrt(half2[lane]);
      const float from = std::max(0.0F, nearest[lane] - half);
      const float to = std::min(length, nearest[lane] + half);
      if (to > from) {
        const float level =
            (to - from) * job.per_chord * directed(job.targets[s], {-d.x, -d.y, -d.z});
        deposit(job, s, before + 0.5F * (from + to), level * energy);
      }
    }
  }
}

// What the wall scatters towards every `stride`-th source from `first` on.
MMI_INLINE void rain(
    const Job& job,
    const Point& p,
    const Point& n,
    const Skip& skip,
    float before,
    const F8& energy,
    std::size_t first,
    std::size_t stride) {
  for (std::size_t s = first; s < job.targets.size(); s += stride) {
    const Target& target = job.targets[s];
    const Point to{target.at.x - p.x, target.at.y - p.y, target.at.z - p.z};
    const float height = dot(to, n);
    const float square = dot(to, to);
    const float distance = std::sqrt(square);
    if (height <= 0 || before + distance >= job.longest) {
      continue;
    }
    const float inverse = 1 / distance;
    const Point d{to.x * inverse, to.y * inverse, to.z * inverse};
    if (kernels::hidden(job.geometry, p, d, distance, skip)) {
      continue;
    }
    const float level =
        4 * height * inverse / std::max(square, kNearest2) * directed(target, {-d.x, -d.y, -d.z});
    deposit(job, s, before + distance, level * energy);
  }
}

MMI_INLINE float loudest(const F8& energy) {
  float most = energy[0];
  for (int b = 1; b < 8; ++b) {
    most = std::fmax(most, energy[b]);
  }
  return most;
}

MMI_INLINE void follow(const Job& job, const Vec3& direction, float weight, Rng& random) {
  const Geometry& g = job.geometry;
  Point o = job.receiver;
  Point d = kernels::point(direction);
  Skip skip;
  F8 energy = F8{} + weight;
  const float quietest = weight * job.quietest;
  float before = 0;
  bool mirror = true;  // the last reflection
  bool diffuse = false;
  for (int order = 0; before < job.longest && loudest(energy) > quietest; ++order) {
    const Hit hit = kernels::closest(g, o, d, 1e9F, skip);
    if (hit.polygon < 0) {
      return;
    }
    if (mirror && (diffuse || order > job.image_order)) {
      score_chords(job, o, d, hit.distance, before, energy);
    }
    before += hit.distance;
    o = along(o, hit.distance, d);
    skip = hit.from;
    const auto& face = g.faces[static_cast<std::size_t>(hit.polygon)];
    const auto material = static_cast<std::size_t>(face.material);
    Point n = kernels::point(face.normal);
    float slope = dot(d, n);
    if (slope > 0) {  // met from behind
      n = {-n.x, -n.y, -n.z};
      slope = -slope;
    }
    energy *= g.reflected[material];
    const float scattering = g.scattering[material];
    if (scattering > 0) {
      const bool late = before > job.early;
      const std::size_t first = late ? random.next_u32() % kThinning : 0;
      const std::size_t stride = late ? kThinning : 1;
      const F8 drops = scattering * static_cast<float>(stride) * energy;
      rain(job, o, n, skip, before, drops, first, stride);
    }
    mirror = uniform(random) >= scattering;
    if (mirror) {
      d = along(d, -2 * slope, n);
    } else {
      const Point ball = on_sphere(random);
      const Point sum{n.x + ball.x, n.y + ball.y, n.z + ball.z};
      const float inverse = 1 / std::sqrt(std::max(1e-12F, dot(sum, sum)));
      d = {sum.x * inverse, sum.y * inverse, sum.z * inverse};
      diffuse = true;
    }
  }
}

}  // namespace

std::int64_t histogram_bins(const SimulateOptions& options) {
  const double seconds = static_cast<double>(options.samples) / options.sample_rate_hz;
  return static_cast<std::int64_t>(std::ceil(seconds / options.bin_s - 1e-9));
}

Histograms trace_rays(
    const Geometry& geometry,
    const std::vector<Source>& sources,
    Vec3 receiver,
    const SimulateOptions& options,
    const Rng& random,
    std::int64_t first,
    std::int64_t last) {
  Histograms made{histogram_bins(options), {}};
  made.energy.resize(sources.size() * static_cast<std::size_t>(made.bins));
  const double radius = options.sphere_radius_m;
  const double volume = 4.0 / 3 * std::numbers::pi * radius * radius * radius;
  Job job{
      geometry,
      {},
      {},
      kernels::point(receiver),
      static_cast<float>(
          static_cast<double>(options.samples) / options.sample_rate_hz * options.speed_of_sound),
      static_cast<float>(kEarly_s * options.speed_of_sound),
      static_cast<float>(1 / (options.bin_s * options.speed_of_sound)),
      made.bins,
      static_cast<float>(radius * radius),
      static_cast<float>(4 * std::numbers::pi / volume),
      static_cast<float>(std::pow(10, options.quietest_db / 10)),
      options.image_order,
      made.energy.data()};
  for (const Source& source : sources) {
    job.targets.push_back(
        {kernels::point(source.position),
         kernels::point(source.facing),
         static_cast<float>(source.omni)});
  }
  for (std::size_t s = 0; s < job.targets.size(); ++s) {
    if (s % 8 == 0) {
      job.blocks.push_back({F8{} + kFarAway, F8{} + kFarAway, F8{} + kFarAway});
    }
    const auto lane = static_cast<int>(s % 8);
    job.blocks.back().x[lane] = job.targets[s].at.x;
    job.blocks.back().y[lane] = job.targets[s].at.y;
    job.blocks.back().z[lane] = job.targets[s].at.z;
  }
  // One turn about z for all rays, so that receivers do not share their directions.
  const double turn = 2 * std::numbers::pi * Rng(random).uniform();
  const double count = options.rays;
  for (std::int64_t i = first; i < last; ++i) {
    Rng own = random.stream("ray", static_cast<std::uint64_t>(i));
    const Vec3 direction = spiral_direction(i, options.rays, turn);
    kernels::widest(
        [&]() MMI_INLINED { follow(job, direction, static_cast<float>(1 / count), own); });
  }
  return made;
}

}  // namespace mmi::worlds::rooms
