#include "mmi/worlds/rooms/world.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "mmi/base/errors.h"
#include "mmi/data/formats/acoustic_rooms_check.h"
#include "mmi/dsp/room_measures.h"
#include "mmi/worlds/rooms/depth.h"
#include "mmi/worlds/rooms/export.h"
#include "mmi/worlds/rooms/scene_io.h"

namespace mmi::worlds::rooms {
namespace {

TEST(RoomWorld, IsFrozen) {
  // A change of any room is a new version: then change both.
  EXPECT_EQ(world_version(), "rooms-1");
  EXPECT_EQ(world_hash(), "1dbec38aed1cec59");
}

TEST(RoomWorld, RoomsAreClosedAndOfTheirSize) {
  std::set<RoomShape> shapes;
  int large = 0;
  for (std::int64_t number = 0; number < 60; ++number) {
    const WorldRoom room = make_room(1, number, 2, 2);
    const SceneReport report = room.scene.check();
    EXPECT_TRUE(report.watertight && report.problems.empty()) << room.name();
    EXPECT_GE(report.volume_m3, 13) << room.name();
    EXPECT_LE(report.volume_m3, 250) << room.name();
    EXPECT_EQ(room.category, room_categories()[static_cast<std::size_t>(number % 10)]);
    large += report.volume_m3 > 100 ? 1 : 0;
    shapes.insert(room.shape);
  }
  EXPECT_EQ(shapes.size(), 6U);
  EXPECT_GE(large, 15) << "a quarter of the rooms is large";
}

TEST(RoomWorld, PlacesKeepTheirDistances) {
  for (std::int64_t number = 0; number < 20; ++number) {
    const WorldRoom room = make_room(3, number);
    ASSERT_EQ(room.sources.size(), 10U);
    ASSERT_EQ(room.receivers.size(), 12U);
    const double m = room.margin - 1e-9;
    EXPECT_GT(m, 0.5);
    for (std::size_t s = 0; s < room.sources.size(); ++s) {
      EXPECT_TRUE(room.scene.contains(room.sources[s]));
      EXPECT_GE(clearance_m(room.scene, room.sources[s]), 0.5 * m);
      for (std::size_t other = 0; other < s; ++other) {
        EXPECT_GE(norm(room.sources[s] - room.sources[other]), 1.0 * m);
      }
      for (const Vec3 receiver : room.receivers) {
        EXPECT_GE(norm(room.sources[s] - receiver), 0.5 * m);
      }
    }
  }
}

TEST(RoomWorld, ClearanceIsTheDistanceToTheNearestSurface) {
  Scene scene = Scene::shoebox({6, 5, 3}, Material::flat(0.1));
  EXPECT_NEAR(clearance_m(scene, {3, 2, 1.2}), 1.2, 1e-9);
  scene.add_box({4, 2, 0.5}, {5, 3, 1}, 0, "box");
  EXPECT_NEAR(clearance_m(scene, {3.5, 2.5, 0.7}), 0.5, 1e-9) << "a face";
  EXPECT_NEAR(clearance_m(scene, {3.7, 2.5, 1.4}), 0.5, 1e-9) << "an edge: 0.3 and 0.4";
}

TEST(RoomWorld, WrittenRoomsReadBackAsTheyWereInMemory) {
  const auto root =
      std::filesystem::temp_directory_path() / ("mmi_room_world_" + std::to_string(getpid()));
  std::filesystem::remove_all(root);
  const data::formats::AcousticRoomsLayout layout(root);
  SimulateOptions options;
  options.rays = 500;
  options.sequence_rays = 2000;
  const WorldRoom room = make_room(1, 4, 3, 2);
  const RoomResponses made = simulate_room(room, options);
  write_room(layout, room, made, options);
  write_material_library(layout);

  const auto rooms = layout.rooms();
  ASSERT_EQ(rooms.size(), 1U);
  EXPECT_EQ(rooms[0].name, "Office_idx_1");
  const auto files = layout.files(rooms[0]);
  ASSERT_EQ(files.pairs().size(), 6U);
  for (const auto pair : files.pairs()) {
    const float* wave = made.waveform(pair.receiver - 1, pair.source - 1);
    EXPECT_EQ(files.rir(pair).samples, std::vector<float>(wave, wave + made.samples));
    const auto places = files.positions(pair);
    EXPECT_NEAR(places.source[1], room.sources[static_cast<std::size_t>(pair.source - 1)].y, 1e-9);
  }
  EXPECT_TRUE(files.depth(2).equal(DepthRenderer(room.scene).depth(room.receivers[1])));
  EXPECT_EQ(layout.mesh(rooms[0]).faces.size(), room.scene.polygons.size());
  EXPECT_EQ(layout.materials("wall").size(), 8U);
  const Scene scene = read_scene(layout.mesh_path(rooms[0]));
  ASSERT_EQ(scene.polygons.size(), room.scene.polygons.size());
  for (std::size_t p = 0; p < scene.polygons.size(); ++p) {
    const auto absorption = [p](const Scene& of) {
      return of.materials[static_cast<std::size_t>(of.polygons[p].material)].absorption;
    };
    EXPECT_EQ(absorption(scene), absorption(room.scene));
  }
  const auto report = data::formats::check_acoustic_rooms(layout);
  EXPECT_EQ(report.rirs, 6);
  EXPECT_TRUE(report.problems().empty()) << report.problems().front();
  EXPECT_NEAR(report.peak_db.max, 20 * std::log10(0.9), 0.01);
  std::filesystem::remove_all(root);
}

// specs/ch08 §10.6: how far two simulations with other seeds lie apart.
TEST(RoomWorld, SimulationsWithOtherSeedsAgree) {
  SimulateOptions first;
  SimulateOptions second;
  second.seed = 2;
  double c50 = 0;
  double t60 = 0;
  int count = 0;
  for (const std::int64_t number : {3, 10, 17, 24}) {
    const WorldRoom room = make_room(1, number);
    const Simulator simulator(room.scene);
    std::vector<Source> sources;
    for (const Vec3 place : room.sources) {
      sources.push_back({place});
    }
    const Responses a = simulator.run(sources, room.receivers[0], first);
    const Responses b = simulator.run(sources, room.receivers[0], second);
    for (std::int64_t s = 0; s < a.sources; ++s) {
      const dsp::RoomMeasureConfig paper{.mode = dsp::RoomMode::kPaper};
      const auto errors = dsp::room_errors(
          dsp::room_measures({a.waveform(s), 8000}, 22050, paper),
          dsp::room_measures({b.waveform(s), 8000}, 22050, paper));
      c50 += errors.c50_db.value;
      t60 += errors.t60_percent.value;
      ++count;
    }
  }
  EXPECT_LE(c50 / count, 0.4);
  EXPECT_LE(t60 / count, 8);
}

}  // namespace
}  // namespace mmi::worlds::rooms
