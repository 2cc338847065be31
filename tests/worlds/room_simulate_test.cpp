#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <numbers>

#include "mmi/base/errors.h"
#include "mmi/dsp/room_measures.h"
#include "mmi/worlds/rooms/simulate.h"

namespace mmi::worlds::rooms {
namespace {

const std::vector<PlanPoint> kEll{{0, 0}, {6, 0}, {6, 2.5}, {3.5, 2.5}, {3.5, 5}, {0, 5}};

SimulateOptions exact(int order) {
  SimulateOptions options;
  options.image_order = order;
  options.rays = 0;
  options.air = false;
  options.high_pass_hz = 0;
  options.keep_paths = true;
  return options;
}

Scene furnished() {
  Scene scene = Scene::extrude(
      kEll,
      2.7,
      {find_material("plasterboard"),
       find_material("parquet"),
       find_material("plaster_ceiling"),
       find_material("cabinet")},
      {0, 1, 2});
  scene.add_box({0.2, 0.2, 0.01}, {1.2, 0.7, 1.8}, 3, "cabinet");
  scene.add_box({4, 0.3, 0.01}, {5.8, 1.1, 0.7}, 3, "sofa");
  scene.add_box({1.5, 2, 0.7}, {2.7, 2.8, 0.74}, 3, "table");
  return scene;
}

double energy(std::span<const float> wave) {
  double sum = 0;
  for (const float sample : wave) {
    sum += static_cast<double>(sample) * sample;
  }
  return sum;
}

std::span<const float> wave_of(const Responses& made, std::int64_t source = 0) {
  return {made.waveform(source), static_cast<std::size_t>(made.samples)};
}

double t20(std::span<const float> wave, std::int64_t rate) {
  return dsp::room_measures(wave, rate).t20_s.value;
}

// Sequences of planes tried one by one and validated by plain geometry in double precision: mirror
// the receiver, meet each plane inside one of its polygons, and find nothing in between.
class Brute {
 public:
  explicit Brute(const Scene& scene) : scene_(scene) {}

  std::vector<double> distances(Vec3 source, Vec3 receiver, int order) const {
    std::vector<double> found;
    if (free(source, receiver)) {
      found.push_back(norm(source - receiver));
    }
    std::vector<std::size_t> sequence;
    extend(source, receiver, {receiver}, sequence, order, found);
    std::sort(found.begin(), found.end());
    return found;
  }

 private:
  bool inside(const Polygon& polygon, Vec3 at) const {
    const Vec3 normal = area_vector(polygon);
    for (std::size_t i = 0; i < polygon.corners.size(); ++i) {
      const Vec3 a = polygon.corners[i];
      const Vec3 b = polygon.corners[(i + 1) % polygon.corners.size()];
      if (dot(cross(b - a, at - a), normal) < 0) {
        return false;
      }
    }
    return true;
  }

  // Share of the way at which it meets the polygon, or a negative number.
  double meets(const Polygon& polygon, Vec3 from, Vec3 to) const {
    const Vec3 normal = unit(area_vector(polygon));
    const double a = dot(normal, from - polygon.corners[0]);
    const double b = dot(normal, to - polygon.corners[0]);
    if (a * b >= 0) {
      return -1;
    }
    const double share = a / (a - b);
    return inside(polygon, from + share * (to - from)) ? share : -1;
  }

  bool free(Vec3 from, Vec3 to) const {
    for (const Polygon& polygon : scene_.polygons) {
      const double share = meets(polygon, from, to);
      if (share > 1e-9 && share < 1 - 1e-9) {
        return false;
      }
    }
    return true;
  }

  void extend(
      Vec3 source,
      Vec3 receiver,
      std::vector<Vec3> images,
      std::vector<std::size_t>& sequence,
      int order,
      std::vector<double>& found) const {
    if (static_cast<int>(sequence.size()) == order) {
      return;
    }
    for (std::size_t p = 0; p < scene_.polygons.size(); ++p) {
      const Vec3 normal = unit(area_vector(scene_.polygons[p]));
      const double height = dot(normal, images.back() - scene_.polygons[p].corners[0]);
      std::vector<Vec3> longer = images;
      longer.push_back(images.back() - (2 * height) * normal);
      sequence.push_back(p);
      if (valid(source, longer, sequence)) {
        found.push_back(norm(source - longer.back()));
      }
      extend(source, receiver, longer, sequence, order, found);
      sequence.pop_back();
    }
  }

  bool valid(Vec3 source, const std::vector<Vec3>& images, const std::vector<std::size_t>& sequence)
      const {
    Vec3 at = source;
    for (std::size_t k = sequence.size(); k-- > 0;) {
      const double share = meets(scene_.polygons[sequence[k]], at, images[k + 1]);
      if (share <= 0) {
        return false;
      }
      const Vec3 next = at + share * (images[k + 1] - at);
      if (!free(at + 1e-6 * (next - at), next + 1e-6 * (at - next))) {
        return false;
      }
      at = next;
    }
    return free(at + 1e-6 * (images[0] - at), images[0]);
  }

  const Scene& scene_;
};

std::vector<double> distances_of(const Responses& made) {
  std::vector<double> distances;
  for (const Path& path : made.paths.at(0)) {
    distances.push_back(path.distance_m);
  }
  std::sort(distances.begin(), distances.end());
  return distances;
}

void expect_same(const std::vector<double>& a, const std::vector<double>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_NEAR(a[i], b[i], 1e-9);
  }
}

TEST(RoomPaths, TheLatticeHasTheCountedNumberOfImages) {
  const Simulator simulator(Scene::shoebox({5, 4, 3}, Material::flat(0.2)));
  SimulateOptions options = exact(10);
  options.samples = 1 << 16;  // long enough for all of them
  const Responses made =
      simulator.run(std::vector<Source>{{{1, 1, 1.2}}}, Vec3{3.1, 2.2, 1.4}, options);
  EXPECT_EQ(made.paths.at(0).size(), 1561U);  // (4 N^3 + 6 N^2 + 8 N + 3) / 3 at N = 10
}

TEST(RoomPaths, EqualBruteForceInARoomWithACorner) {
  const Scene scene = Scene::extrude(kEll, 2.7, {Material::flat(0.2)});
  const Simulator simulator(scene);
  for (const auto& [source, receiver] :
       {std::pair{Vec3{1, 1, 1.3}, Vec3{5, 1.4, 1.6}},
        std::pair{Vec3{1.2, 4.3, 1.1}, Vec3{5.2, 0.6, 1.9}}}) {
    const Responses made = simulator.run(std::vector<Source>{{source}}, receiver, exact(3));
    expect_same(distances_of(made), Brute(scene).distances(source, receiver, 3));
  }
}

TEST(RoomPaths, EqualBruteForceAmongFurniture) {
  const Scene scene = furnished();
  const Simulator simulator(scene);
  const Vec3 source{1.9, 1.2, 1.1};
  const Vec3 receiver{3.0, 4.2, 0.9};
  const Responses made = simulator.run(std::vector<Source>{{source}}, receiver, exact(2));
  expect_same(distances_of(made), Brute(scene).distances(source, receiver, 2));
}

TEST(RoomPaths, AHiddenSourceHasNoDirectSound) {
  const Simulator simulator(Scene::extrude(kEll, 2.7, {Material::flat(0.2)}));
  const Responses made = simulator.run(
      std::vector<Source>{{{1, 4.5, 1.3}}, {{5.5, 1, 1.3}}}, Vec3{5.5, 2, 1.6}, exact(2));
  EXPECT_FALSE(made.visible[0]);
  EXPECT_TRUE(made.visible[1]);
}

TEST(RoomPaths, AmplitudesFallWithDistanceWallsAirAndDirectivity) {
  Material wall = Material::flat(0.19, 0.0);
  wall.absorption[7] = 0.75;
  const Simulator simulator(Scene::shoebox({5, 4, 3}, wall));
  SimulateOptions options = exact(1);
  options.air = true;
  const Vec3 receiver{3, 2, 1.5};
  const Responses made = simulator.run(
      std::vector<Source>{{{2, 2, 1.5}}, {{2, 2, 1.5}, {-1, 0, 0}, 0.5}}, receiver, options);
  const auto loss = [](double d, std::size_t band) {
    return std::exp(-0.5 * d * air_attenuation()[band]);
  };
  for (const Path& path : made.paths[0]) {
    if (path.order == 0) {
      EXPECT_NEAR(path.amplitude[4], loss(1, 4), 1e-5);
    } else if (std::abs(path.distance_m - 5) < 1e-6) {  // by the wall behind either
      EXPECT_NEAR(path.amplitude[4], 0.9 / 5 * loss(5, 4), 1e-5);
      EXPECT_NEAR(path.amplitude[7], 0.5 / 5 * loss(5, 7), 1e-5);
    }
  }
  for (const Path& path : made.paths[1]) {
    if (path.order == 0) {
      EXPECT_NEAR(path.amplitude[4], 0, 1e-6) << "the back of a cardioid";
    } else if (path.arrival.x < -0.99) {  // left the source along its axis
      EXPECT_NEAR(path.amplitude[4], 0.9 / path.distance_m * loss(path.distance_m, 4), 1e-5);
    }
  }
}

TEST(RoomSimulate, TheDirectSoundComesAtItsTimeWithItsHeight) {
  const Simulator simulator(Scene::shoebox({8, 7, 6}, Material::flat(0.98, 0)));
  for (const double metres : {1.0, 1.337, 2.5}) {
    SimulateOptions options = exact(0);
    const Responses made =
        simulator.run(std::vector<Source>{{{2, 3, 3}}}, Vec3{2 + metres, 3, 3}, options);
    const auto wave = wave_of(made);
    const auto at = std::max_element(wave.begin(), wave.end()) - wave.begin();
    EXPECT_NEAR(static_cast<double>(at), metres / 343 * 22050, 1);
    EXPECT_NEAR(10 * std::log10(energy(wave) * metres * metres), 0, 0.2);
  }
}

TEST(RoomSimulate, BandsKeepTheirLevels) {
  Material wall = Material::flat(0.99, 0);
  const Simulator simulator(Scene::shoebox({8, 7, 6}, wall));
  SimulateOptions options = exact(0);
  const Responses made = simulator.run(std::vector<Source>{{{2, 3, 3}}}, Vec3{3, 3, 3}, options);
  const auto wave = wave_of(made);
  for (const double hz : {63.0, 125.0, 500.0, 1400.0, 4000.0, 8000.0}) {
    std::complex<double> sum = 0;
    for (std::size_t n = 0; n < wave.size(); ++n) {
      sum += static_cast<double>(wave[n]) *
             std::polar(1.0, -2 * std::numbers::pi * hz * static_cast<double>(n) / 22050);
    }
    EXPECT_NEAR(20 * std::log10(std::abs(sum)), 0, 0.1) << hz;
  }
}

TEST(RoomSimulate, ResultsDoNotDependOnThreadsOrOnTheOrderOfReceivers) {
  const Simulator simulator(furnished());
  SimulateOptions options;
  options.rays = 3000;
  options.sequence_rays = 5000;
  const std::vector<Source> sources{{{1.9, 1.2, 1.1}}, {{3.0, 4.2, 0.9}}, {{5.5, 1.8, 1.5}}};
  const std::vector<Vec3> receivers{{0.6, 3.2, 1.4}, {4.6, 1.9, 1.2}};
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const auto one = simulator.run(sources, receivers, options);
  at::set_num_threads(2);
  const auto two = simulator.run(sources, receivers, options);
  const Responses alone = simulator.run(sources, receivers[1], options);
  at::set_num_threads(before);
  EXPECT_EQ(one[0].waveforms, two[0].waveforms);
  EXPECT_EQ(one[1].waveforms, two[1].waveforms);
  EXPECT_EQ(one[1].waveforms, alone.waveforms);
  options.seed = 2;
  EXPECT_NE(simulator.run(sources, receivers[1], options).waveforms, alone.waveforms);
}

TEST(RoomSimulate, HistogramsHoldTheEnergyOfTheLateSound) {
  const Simulator simulator(furnished());
  SimulateOptions options = exact(0);
  options.rays = 2000;
  options.keep_histograms = true;
  const Responses made =
      simulator.run(std::vector<Source>{{{1.9, 1.2, 1.1}}}, Vec3{3.0, 1.2, 0.9}, options);
  ASSERT_EQ(made.histograms.size(), static_cast<std::size_t>(made.bins) * kBands);
  double late = 0;
  for (std::size_t bin = 0; bin < static_cast<std::size_t>(made.bins); ++bin) {
    late += made.histograms[bin * kBands + 4];
  }
  // The direct sound comes on top, and bands differ a little from that of 1 kHz.
  const double direct = made.paths.at(0).front().amplitude[4];
  EXPECT_NEAR(10 * std::log10(energy(wave_of(made)) / (late + direct * direct)), 0, 1.5);
}

TEST(RoomSimulate, PlacesOutsideTheAirAreRefused) {
  const Simulator simulator(furnished());
  SimulateOptions options;
  options.rays = 0;
  const auto message = [&](Vec3 source, Vec3 receiver) -> std::string {
    try {
      simulator.run(std::vector<Source>{{source}}, receiver, options);
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(message({0.5, 0.5, 1}, {3, 1, 1}).find("source 0"), std::string::npos) << "cabinet";
  EXPECT_NE(message({2, 1, 1}, {5, 4, 1}).find("receiver 0"), std::string::npos) << "outside";
  EXPECT_EQ(message({2, 1, 1}, {3, 1, 1}), "");
  try {
    simulator.run(std::vector<Source>{{{2, 1, 1}}}, {{3, 1, 1}, {3, 2, 1}, {5, 4, 1}}, options);
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("receiver 2"), std::string::npos) << error.what();
  }
  options.image_order = 5;
  EXPECT_NE(message({2, 1, 1}, {3, 1, 1}).find("image_order"), std::string::npos);
}

// spec: energy within 1 dB of diffuse-field theory, decay near Eyring's when walls scatter.
class Decay : public testing::TestWithParam<double> {};

TEST_P(Decay, FollowsTheoryInRoomsThatScatter) {
  const double absorption = GetParam();
  for (const Vec3 size : {Vec3{4, 3, 2.75}, Vec3{5.5, 4.4, 3}, Vec3{8.2, 6.7, 4}}) {
    const Scene scene = Scene::shoebox(size, Material::flat(absorption, 0.3));
    const Simulator simulator(scene);
    SimulateOptions options = exact(4);
    options.rays = 6000;
    options.keep_paths = false;
    options.samples = static_cast<std::int64_t>(22050 * 1.2 * scene.eyring_s(false)[4]) + 4000;
    const Vec3 receiver{0.55 * size.x, 0.6 * size.y, 0.45 * size.z};
    const std::vector<Source> sources{
        {{0.2 * size.x, 0.25 * size.y, 0.4 * size.z}},
        {{0.8 * size.x, 0.2 * size.y, 0.7 * size.z}},
        {{0.3 * size.x, 0.85 * size.y, 0.6 * size.z}},
        {{0.9 * size.x, 0.75 * size.y, 0.3 * size.z}}};
    const Responses made = simulator.run(sources, receiver, options);
    double level = 0;
    double decay = 0;
    for (std::size_t s = 0; s < sources.size(); ++s) {
      const auto wave = wave_of(made, static_cast<std::int64_t>(s));
      const Vec3 way = sources[s].position - receiver;
      const double field = 1 / dot(way, way) + 16 * std::numbers::pi * (1 - absorption) /
                                                   (scene.surface_m2() * absorption);
      level += 10 * std::log10(energy(wave) / field) / 4;
      decay += t20(wave, 22050) / scene.eyring_s(false)[4] / 4;
    }
    EXPECT_NEAR(level, 0, 1) << scene.volume_m3();
    EXPECT_NEAR(decay, 1, absorption > 0.3 ? 0.15 : 0.10) << scene.volume_m3();
  }
}

INSTANTIATE_TEST_SUITE_P(Absorption, Decay, testing::Values(0.1, 0.2, 0.4));

}  // namespace
}  // namespace mmi::worlds::rooms
