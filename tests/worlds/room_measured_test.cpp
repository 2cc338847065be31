#include "mmi/worlds/rooms/measured.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "mmi/base/errors.h"
#include "mmi/data/formats/haa.h"
#include "mmi/dsp/room_measures.h"
#include "mmi/worlds/rooms/depth.h"
#include "mmi/worlds/rooms/world.h"

namespace mmi::worlds::rooms {
namespace {

constexpr const char* kNames[] = {"classroom", "dampened", "hallway", "complex"};

TEST(RoomMeasured, IsFrozen) {
  // A change of any room is a new version: then change both.
  EXPECT_EQ(measured_version(), "measured-1");
  EXPECT_EQ(measured_hash(), "2d3637b8a19317db");
}

TEST(RoomMeasured, RoomsAreClosedAndOfTheirSize) {
  // Boxes as published less three tables of 3 cm.
  const double tables = 0.03 * (0.757 * 5.4814 + 0.757 * 7.3166 + 1.538498 * 5.6592);
  // By hand: the cross-section less the overhang's and the door's part of the length, less solids.
  const double slant = 0.92 * (2.265 + 2.942) / 2;
  const double section =
      slant + (3.266 - 0.92) * (3.309 + 6.086) / 2 + (8.374 - 3.266) * (6.086 + 4.389) / 2;
  const double eave = 0.92 + (3.807 - 3.309) / (6.086 - 3.309) * (3.266 - 0.92);
  const double knee = 0.92 * (2.644 - 2.265) / (2.942 - 2.265);
  const double overhang = (2.942 - 2.644) * (8.374 - (knee + 0.92) / 2) +
                          (3.309 - 2.942) * (8.374 - 0.92) +
                          (3.807 - 3.309) * (8.374 - (0.92 + eave) / 2);
  const double door = (8.374 - 5.387) * 2.945;
  const double pillars = 3.05 * (0.646 * 0.649 + 0.654 * 0.937 + 0.647 * 0.649);
  const std::map<std::string, double> expected{
      {"classroom", 7.1247 * 7.9248 * 2.7432 - tables},
      {"dampened", 4.85 * 5.195 * 2.731},
      {"hallway", 1.529 * 18.098 * 2.7564},
      {"complex",
       section * 13.014 - overhang * 0.795 - door * 0.988 - pillars - 0.03 * 0.756 * 10.676 -
           0.03 * (2.346 + 2.749)}};
  for (const char* name : kNames) {
    const MeasuredRoom room = make_measured_room(name, 3, 1);
    const SceneReport report = room.scene.check();
    EXPECT_TRUE(report.watertight && report.facing && report.problems.empty()) << name;
    EXPECT_NEAR(report.volume_m3, expected.at(name), 0.01) << name;
  }
}

// specs/ch08 §5.2: pixels of the depth maps that xRIR ships; tables are solids here.
TEST(RoomMeasured, LooksLikeTheMapsThatWereReleased) {
  const std::tuple<const char*, int, int, double> pixels[] = {
      {"classroom", 0, 0, 1.51391},
      {"classroom", 63, 128, 2.14084},
      {"classroom", 127, 0, 3.58380},
      {"classroom", 127, 256, 3.54090},
      {"classroom", 160, 300, 3.12037},
      {"classroom", 200, 100, 0.64748},
      {"classroom", 200, 256, 0.63899},
      {"classroom", 255, 0, 0.50383},
      {"hallway", 0, 0, 2.21987},
      {"hallway", 127, 128, 10.24520},
      {"hallway", 127, 384, 7.85280},
      {"hallway", 200, 256, 0.68743}};
  for (const auto& [name, row, column, metres] : pixels) {
    const MeasuredRoom room = make_measured_room(name, 1, 1);
    const auto depth =
        DepthRenderer(room.scene).depth(room.speaker.position, 256, 512, PixelConvention::kRelease);
    EXPECT_NEAR(depth[row][column].item<float>(), metres, 1e-4) << name << row << "," << column;
  }
}

// What the planes of the published code show, which leave mid-air surfaces open, the solids show
// too, save where rays meet a rim or the gaps before walls.
TEST(RoomMeasured, ShowsThePublishedPlanes) {
  for (const char* name : kNames) {
    Scene planes;
    planes.materials = {Material::flat(0.1)};
    for (const auto& plane : data::formats::haa_planes(name)) {
      Polygon polygon{{}, 0, 0};
      for (const auto& corner : plane.corners) {
        polygon.corners.push_back({corner[0], corner[1], corner[2]});
      }
      planes.polygons.push_back(std::move(polygon));
    }
    const MeasuredRoom room = make_measured_room(name, 1, 1);
    const auto ours = DepthRenderer(room.scene).depth(room.speaker.position);
    const auto theirs = DepthRenderer(planes).depth(room.speaker.position);
    const auto same = ((ours - theirs).abs() < 1e-3).to(torch::kFloat).mean().item<float>();
    EXPECT_GT(same, 0.98) << name;
  }
}

TEST(RoomMeasured, MicrophonesKeepTheirDistancesAndTwelveAreKnown) {
  for (const char* name : kNames) {
    const MeasuredRoom room = make_measured_room(name, 1, 120);
    ASSERT_EQ(room.microphones.size(), 132U);
    for (std::size_t m = 0; m < room.microphones.size(); ++m) {
      EXPECT_TRUE(room.scene.contains(room.microphones[m]));
      EXPECT_GE(clearance_m(room.scene, room.microphones[m]), 0.3);
      EXPECT_GE(norm(room.microphones[m] - room.speaker.position), 0.5);
      for (std::size_t other = 0; other < m; ++other) {
        EXPECT_GT(norm(room.microphones[m] - room.microphones[other]), 0.1) << name;
      }
    }
    const std::set<std::int64_t> known(room.known.begin(), room.known.end());
    ASSERT_EQ(known.size(), 12U);
    EXPECT_GE(*known.begin(), 0);
    EXPECT_LT(*known.rbegin(), 132);
  }
  EXPECT_THROW(make_measured_room("kitchen", 1, 10), ConfigError);
  EXPECT_THROW(make_measured_room("complex", 1, 0), ConfigError);
}

TEST(RoomMeasured, DecaysDifferAsTheRoomsDo) {
  std::map<std::string, double> t20_s;
  SimulateOptions options;
  options.rays = 1000;
  options.sequence_rays = 5000;
  for (const char* name : kNames) {
    const MeasuredRoom room = make_measured_room(name, 1, 4);
    const std::vector<float> made = measured_responses(room, options);
    EXPECT_EQ(made, measured_responses(room, options)) << name << ": deterministic";
    double loudest = 0;
    int count = 0;
    for (const std::int64_t k : room.known) {
      const std::span<const float> one{made.data() + k * options.samples, 9600};
      for (const float sample : one) {
        loudest = std::max<double>(loudest, std::abs(sample));
      }
      const auto measures = dsp::room_measures(one, 22050);
      if (measures.t20_s.has_value()) {
        t20_s[name] += measures.t20_s.value;
        ++count;
      }
    }
    EXPECT_EQ(loudest, 1) << name;
    ASSERT_GE(count, 6) << name;
    t20_s[name] /= count;
  }
  EXPECT_LT(t20_s["dampened"], 0.25);
  EXPECT_GT(t20_s["classroom"], 0.35);
  EXPECT_LT(t20_s["classroom"], 0.7);
  EXPECT_GT(t20_s["hallway"], 1.15 * t20_s["classroom"]);
  EXPECT_GT(t20_s["complex"], 1.15 * t20_s["classroom"]);
}

TEST(RoomMeasured, NoiseAndBandAreThoseOfAMeasurement) {
  const MeasuredRoom room = make_measured_room("dampened", 1, 4);
  SimulateOptions options;
  options.rays = 1000;
  options.sequence_rays = 5000;
  const std::vector<float> made = measured_responses(room, options);
  double energy = 0;
  double noise = 0;
  for (const std::int64_t k : room.known) {
    for (std::int64_t n = 0; n < options.samples; ++n) {
      const double sample = made[static_cast<std::size_t>(k * options.samples + n)];
      energy += sample * sample;
      // Nothing but noise is left of a short decay.
      noise += n >= options.samples / 2 ? 2 * sample * sample : 0;
    }
  }
  EXPECT_NEAR(10 * std::log10(noise / energy), -50, 1.5);
}

TEST(RoomMeasured, TheLoudspeakerIsDirective) {
  // As far before it as behind it.
  const MeasuredRoom room = make_measured_room("dampened", 1, 1);
  const Vec3 way = room.speaker.facing;
  SimulateOptions options;
  options.rays = 0;
  options.sequence_rays = 0;
  options.image_order = 0;
  const auto direct = [&](double metres) {
    const auto h =
        Simulator(room.scene).run({room.speaker}, room.speaker.position + metres * way, options);
    double energy = 0;
    for (const float sample : h.waveforms) {
      energy += static_cast<double>(sample) * sample;
    }
    return energy;
  };
  EXPECT_NEAR(10 * std::log10(direct(0.8) / direct(-0.8)), -20 * std::log10(0.2), 0.5);
}

}  // namespace
}  // namespace mmi::worlds::rooms
