#include "mmi/worlds/rooms/measured.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numbers>

#include "mmi/base/errors.h"
#include "mmi/base/hash.h"
#include "mmi/base/rng.h"
#include "mmi/data/formats/haa.h"
#include "mmi/worlds/rooms/world.h"
#include "worlds/room_plan.h"

namespace mmi::worlds::rooms {
namespace {

using data::formats::haa_room;

constexpr double kGap = 0.005;    // m between solids and walls, so that no faces coincide
constexpr double kPlate = 0.03;   // m, thickness of what was measured as a plane
constexpr double kInch = 0.0254;  // m
constexpr double kOmni = 0.6;     // of the loudspeaker: 14 dB between front and back
constexpr double kHighPass_hz = 80;
constexpr double kLowPass_hz = 9500;
constexpr double kNoise_db = -50;

/// Materials of a room: those of the list, farther from it than jittered() goes.
class Stuff {
 public:
  Stuff(Scene& scene, Rng rng) : scene_(scene), rng_(rng) {}

  int operator()(const char* name) {
    Material made = find_material(name);
    const double all = rng_.uniform(0.75, 1.3);
    const double tilt = rng_.uniform(-0.06, 0.06);  // an octave
    for (std::size_t b = 0; b < kBands; ++b) {
      const double factor = all * (1 + tilt * (static_cast<double>(b) - 3.5));
      made.absorption[b] = static_cast<float>(std::clamp(made.absorption[b] * factor, 0.01, 0.98));
    }
    made.scattering = std::clamp(made.scattering * rng_.uniform(0.6, 1.6), 0.02, 0.9);
    return scene_.material_index(made);
  }

 private:
  Scene& scene_;
  Rng rng_;
};

/// A plate below a convex face whose corners run counter-clockwise seen from above.
void add_plate(Scene& scene, std::vector<Vec3> top, int material, const std::string& name) {
  const int object = static_cast<int>(scene.objects.size());
  scene.objects.push_back(name);
  const auto below = [](Vec3 p) { return Vec3{p.x, p.y, p.z - kPlate}; };
  Polygon bottom{{}, material, object};
  for (std::size_t i = top.size(); i-- > 0;) {
    bottom.corners.push_back(below(top[i]));
    const Vec3 a = top[i];
    const Vec3 b = top[(i + 1) % top.size()];
    scene.polygons.push_back({{below(a), below(b), b, a}, material, object});
  }
  scene.polygons.push_back(std::move(bottom));
  scene.polygons.push_back({std::move(top), material, object});
}

Scene shoebox(const std::string& name, Rng rng, std::array<const char*, 3> surfaces) {
  const auto [x, y, z] = haa_room(name).size;
  Scene scene;
  Stuff stuff(scene, rng);
  const RoomSurfaces indices{stuff(surfaces[0]), stuff(surfaces[1]), stuff(surfaces[2])};
  return Scene::extrude({{0, 0}, {x, 0}, {x, y}, {0, y}}, z, scene.materials, indices);
}

/// Tables at the walls and in the middle, which fall by 3/4 inch across.
void add_classroom_tables(Scene& scene, Rng rng) {
  const auto [x, y, z] = haa_room("classroom").size;
  const int wood = Stuff(scene, rng)("cabinet");
  const double high = 29 * kInch;
  const double low = 28.25 * kInch;
  // From x = a, where the top is `high`, to b, where it is `low`; up to a gap before the walls.
  const auto table = [&](const char* name, double a, double b, double y0, double from, double to) {
    const auto at = [&](double px, double py) {
      return Vec3{px, py, high + (low - high) * (px - a) / (b - a)};
    };
    const double y1 = y - kGap;
    add_plate(scene, {at(from, y0), at(to, y0), at(to, y1), at(from, y1)}, wood, name);
  };
  table("table_left", 0, 30 * kInch, 96 * kInch, kGap, 30 * kInch);
  table("table_right", x, x - 30 * kInch, 23.75 * kInch, x - 30 * kInch, x - kGap);
  table("table_middle", 4.474256, 2.935758, 89 * kInch, 2.935758, 4.474256);
}

/// Part of a cross-section at constant y: corners (x, z) counter-clockwise, and the material of the
/// edge that begins at each.
struct Section {
  std::vector<PlanPoint> corners;
  std::vector<int> edges;
};

/// Surfaces between y0 and y1 around a section; fronts inwards.
void add_tunnel(Scene& scene, const Section& section, double y0, double y1) {
  for (std::size_t i = 0; i < section.corners.size(); ++i) {
    const PlanPoint a = section.corners[i];
    const PlanPoint b = section.corners[(i + 1) % section.corners.size()];
    scene.polygons.push_back(
        {{{a.x, y0, a.y}, {b.x, y0, b.y}, {b.x, y1, b.y}, {a.x, y1, a.y}}, section.edges[i], 0});
  }
}

/// A wall at constant y with its front towards +y, or -y.
void add_cap(
    Scene& scene, const std::vector<PlanPoint>& corners, double y, bool to_plus, int material) {
  for (std::vector<PlanPoint> piece : convex_pieces(corners)) {
    // Counter-clockwise in (x, z) is a front towards -y.
    if (to_plus) {
      std::reverse(piece.begin(), piece.end());
    }
    Polygon wall{{}, material, 0};
    for (const PlanPoint p : piece) {
      wall.corners.push_back({p.x, y, p.y});
    }
    scene.polygons.push_back(std::move(wall));
  }
}

/// A hall under a gable roof, in three stretches of one cross-section each: split by the overhang,
/// whole, and beside the closet of the door.
Scene complex_hall(Rng rng) {
  const auto [x, y, peak] = haa_room("complex").size;
  constexpr double kOverhangY = 0.795, kDoorX = 5.387, kDoorY = 12.026, kDoorZ = 2.945;
  constexpr double kBelow = 2.644, kAbove = 3.807;
  constexpr double kLean = 0.92, kFoot = 2.265, kKnee = 2.942, kEave = 3.309, kPeakX = 3.266;
  constexpr double kPanel = 4.389;
  Scene scene;
  Stuff stuff(scene, rng);
  const int floor = stuff("carpet_on_foam");
  const int wall = stuff("wood_lining");
  const int roof = stuff("perforated_panel");
  const int glass = stuff("glass");
  const int wood = stuff("cabinet");
  const int brick = stuff("brick");

  const PlanPoint slant{kLean * (kBelow - kFoot) / (kKnee - kFoot), kBelow};
  const PlanPoint eave{kLean + (kPeakX - kLean) * (kAbove - kEave) / (peak - kEave), kAbove};
  const Section under{
      {{0, 0}, {x, 0}, {x, kBelow}, slant, {0, kFoot}}, {floor, wall, wall, roof, wall}};
  const Section over{{{x, kAbove}, {x, kPanel}, {kPeakX, peak}, eave}, {wall, roof, roof, wall}};
  const Section whole{
      {{0, 0}, {x, 0}, {x, kPanel}, {kPeakX, peak}, {kLean, kEave}, {kLean, kKnee}, {0, kFoot}},
      {floor, wall, roof, roof, glass, roof, wall}};
  Section narrow = whole;
  narrow.corners.erase(narrow.corners.begin() + 1);
  narrow.corners.insert(narrow.corners.begin() + 1, {{kDoorX, 0}, {kDoorX, kDoorZ}, {x, kDoorZ}});
  narrow.edges = {floor, glass, wall, wall, roof, roof, glass, roof, wall};

  add_tunnel(scene, under, 0, kOverhangY);
  add_tunnel(scene, over, 0, kOverhangY);
  add_tunnel(scene, whole, kOverhangY, kDoorY);
  add_tunnel(scene, narrow, kDoorY, y);
  add_cap(scene, under.corners, 0, true, wall);
  add_cap(scene, over.corners, 0, true, wall);
  add_cap(
      scene,
      {{x, kBelow}, {x, kAbove}, eave, {kLean, kEave}, {kLean, kKnee}, slant},
      kOverhangY,
      true,
      wall);
  add_cap(scene, {{kDoorX, 0}, {x, 0}, {x, kDoorZ}, {kDoorX, kDoorZ}}, kDoorY, false, wall);
  add_cap(scene, narrow.corners, y, false, wall);

  scene.add_box({7.613, kGap, 0.736 - kPlate}, {x - kGap, 10.681, 0.736}, wood, "table");
  scene.add_box({4.002, 4.488, kGap}, {4.648, 5.137, 3.055}, brick, "pillar_1");
  scene.add_box({4.004, 7.178, kGap}, {4.658, 8.115, 3.055}, brick, "pillar_2");
  scene.add_box({3.997, 10.249, kGap}, {4.644, 10.898, 3.055}, brick, "pillar_3");
  constexpr double kTop = 0.906;
  add_plate(
      scene,
      {{2.927, 2.955, kTop}, {5.613, 4.378, kTop}, {4.329, 5.444, kTop}},
      wood,
      "triangle_1");
  add_plate(
      scene,
      {{5.614, 7.738, kTop}, {3.217, 7.738, kTop}, {4.329, 5.444, kTop}},
      wood,
      "triangle_2");
  return scene;
}

Scene scene_of(const std::string& name, const Rng& rng) {
  const Rng stuff = rng.stream("materials");
  if (name == "complex") {
    return complex_hall(stuff);
  }
  if (name == "dampened") {
    return shoebox(name, stuff, {"cotton_curtain", "tufted_carpet", "fissured_tile"});
  }
  if (name == "hallway") {
    return shoebox(name, stuff, {"plasterboard", "carpet_on_foam", "perforated_panel"});
  }
  Scene scene = shoebox(name, stuff, {"wallpaper_on_plasterboard", "thin_carpet", "fissured_tile"});
  add_classroom_tables(scene, rng.stream("tables"));
  scene.polygons[3].material = Stuff(scene, rng.stream("windows"))("cotton_curtain");  // at x = 0
  return scene;
}

/// Places on a grid of this step that are free, row by row and to and fro.
std::vector<Vec3> grid(const MeasuredRoom& room, double step, const Rng& rng) {
  constexpr double kClear = 0.3;
  constexpr double kFromSpeaker = 0.5;
  constexpr std::array<double, 2> kHeights{1.0, 1.6};
  const auto size = haa_room(room.name).size;
  const auto columns = static_cast<int>((size[0] - 2 * kClear) / step);
  const auto rows = static_cast<int>((size[1] - 2 * kClear) / step);
  const double x0 = 0.5 * (size[0] - columns * step);
  const double y0 = 0.5 * (size[1] - rows * step);
  std::vector<Vec3> places;
  for (int row = 0; row <= rows; ++row) {
    for (int k = 0; k <= columns; ++k) {
      const int column = row % 2 == 0 ? k : columns - k;
      Rng here = rng.stream("place", static_cast<std::uint64_t>(row * 1000 + column));
      const double spread = 0.1 * step;
      const Vec3 p{
          x0 + column * step + here.uniform(-spread, spread),
          y0 + row * step + here.uniform(-spread, spread),
          kHeights[static_cast<std::size_t>((row + column) % 2)] + here.uniform(-0.05, 0.05)};
      if (norm(p - room.speaker.position) >= kFromSpeaker && room.scene.contains(p) &&
          clearance_m(room.scene, p) >= kClear) {
        places.push_back(p);
      }
    }
  }
  return places;
}

/// Second-order Butterworth low-pass by the bilinear transform, in place.
void low_pass(float* samples, std::int64_t count, double corner_hz, double rate_hz) {
  const double k = std::tan(std::numbers::pi * corner_hz / rate_hz);
  const double norm = 1 / (1 + std::numbers::sqrt2 * k + k * k);
  const double b = k * k * norm;
  const double a1 = 2 * (k * k - 1) * norm;
  const double a2 = (1 - std::numbers::sqrt2 * k + k * k) * norm;
  double x1 = 0, x2 = 0, y1 = 0, y2 = 0;
  for (std::int64_t n = 0; n < count; ++n) {
    const double x = samples[n];
    const double y = b * (x + 2 * x1 + x2) - a1 * y1 - a2 * y2;
    x2 = x1;
    x1 = x;
    y2 = y1;
    y1 = y;
    samples[n] = static_cast<float>(y);
  }
}

}  // namespace

MeasuredRoom make_measured_room(const std::string& name, std::uint64_t seed, std::int64_t unknown) {
  const auto& published = haa_room(name);
  MMI_CHECK(
      ConfigError,
      unknown >= 1 && unknown <= 500,
      "a measured room takes 1 to 500 unknown microphones, not {}",
      unknown);
  const Rng rng = Rng(seed).stream("measured").stream(name);
  MeasuredRoom room;
  room.name = name;
  room.scene = scene_of(name, rng);
  // Towards the longer part of the room and a little down.
  room.speaker = {
      {published.speaker[0], published.speaker[1], published.speaker[2]},
      unit({0.1, -1, -0.05}),
      kOmni};
  const auto known = static_cast<std::int64_t>(published.train.size());
  const std::int64_t wanted = known + unknown;
  std::vector<Vec3> places;
  for (double step = 2; static_cast<std::int64_t>(places.size()) < wanted; step *= 0.98) {
    places = grid(room, step, rng);
  }
  const auto found = static_cast<std::int64_t>(places.size());
  for (std::int64_t i = 0; i < wanted; ++i) {
    room.microphones.push_back(places[static_cast<std::size_t>(i * found / wanted)]);
  }
  for (std::int64_t i = 0; i < known; ++i) {
    room.known.push_back((2 * i + 1) * wanted / (2 * known));
  }
  return room;
}

std::vector<float> measured_responses(const MeasuredRoom& room, const SimulateOptions& options) {
  SimulateOptions own = options;
  own.high_pass_hz = kHighPass_hz;
  own.seed = fnv1a64(room.name, options.seed + 0x6d656173);
  const std::vector<Responses> found =
      Simulator(room.scene).run({room.speaker}, room.microphones, own);
  double energy = 0;
  for (const std::int64_t k : room.known) {
    for (const float sample : found[static_cast<std::size_t>(k)].waveforms) {
      energy += static_cast<double>(sample) * sample;
    }
  }
  const auto known = static_cast<double>(room.known.size());
  const double noise =
      std::sqrt(energy / known / static_cast<double>(own.samples) * std::pow(10, kNoise_db / 10));
  std::vector<float> made;
  for (std::size_t m = 0; m < found.size(); ++m) {
    Rng rng = Rng(own.seed).stream("noise", m);
    for (const float sample : found[m].waveforms) {
      made.push_back(static_cast<float>(sample + noise * rng.normal()));
    }
    low_pass(
        made.data() + static_cast<std::int64_t>(m) * own.samples,
        own.samples,
        kLowPass_hz,
        own.sample_rate_hz);
  }
  float loudest = 0;
  for (const std::int64_t k : room.known) {
    const auto first = made.begin() + k * own.samples;
    for (auto sample = first; sample != first + own.samples; ++sample) {
      loudest = std::max(loudest, std::abs(*sample));
    }
  }
  for (float& sample : made) {
    sample /= loudest;
  }
  return made;
}

std::string measured_version() {
  return "measured-1";
}

std::string measured_hash() {
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
  for (const auto& published : data::formats::haa_rooms()) {
    const MeasuredRoom room = make_measured_room(published.name, 1, 20);
    for (const Polygon& polygon : room.scene.polygons) {
      add(polygon.material);
      std::for_each(polygon.corners.begin(), polygon.corners.end(), add_point);
    }
    for (const Material& material : room.scene.materials) {
      std::for_each(material.absorption.begin(), material.absorption.end(), add);
      add(material.scattering);
    }
    add_point(room.speaker.position);
    add_point(room.speaker.facing);
    add(room.speaker.omni);
    std::for_each(room.microphones.begin(), room.microphones.end(), add_point);
    std::for_each(room.known.begin(), room.known.end(), add);
  }
  return hex(fnv1a64(bytes, fnv1a64(measured_version())));
}

}  // namespace mmi::worlds::rooms
