#include <gtest/gtest.h>

#include <cmath>

#include "mmi/base/errors.h"
#include "mmi/worlds/rooms/scene.h"
#include "worlds/room_plan.h"

namespace mmi::worlds::rooms {
namespace {

const std::vector<PlanPoint> kEll{{0, 0}, {6, 0}, {6, 2}, {3, 2}, {3, 5}, {0, 5}};

double total_area(const std::vector<std::vector<PlanPoint>>& pieces) {
  double sum = 0;
  for (const auto& piece : pieces) {
    sum += plan_area(piece);
  }
  return sum;
}

TEST(RoomScene, VolumeAndSurfaceOfAShoebox) {
  const Scene scene = Scene::shoebox({4, 3, 2.5}, Material::flat(0.2));
  EXPECT_NEAR(scene.volume_m3(), 30, 1e-9);
  EXPECT_NEAR(scene.surface_m2(), 2 * (12 + 10 + 7.5), 1e-9);
  const SceneReport report = scene.check();
  EXPECT_TRUE(report.watertight);
  EXPECT_TRUE(report.facing);
  EXPECT_TRUE(report.problems.empty());
}

TEST(RoomScene, PlansOfEitherDirectionGiveTheSameRoom) {
  std::vector<PlanPoint> reversed(kEll.rbegin(), kEll.rend());
  for (const auto& plan : {kEll, reversed}) {
    const Scene scene = Scene::extrude(plan, 3, {Material::flat(0.1)});
    EXPECT_NEAR(scene.volume_m3(), 3 * 21, 1e-9);
    EXPECT_TRUE(scene.check().watertight);
    EXPECT_TRUE(scene.check().facing);
  }
}

TEST(RoomScene, PlansAreCutIntoConvexPieces) {
  const std::vector<PlanPoint> comb{
      {0, 0},
      {7, 0},
      {7, 4},
      {6, 4},
      {6, 1},
      {4, 1},
      {4, 4},
      {3, 4},
      {3, 1},
      {1, 1},
      {1, 4},
      {0, 4}};
  const auto pieces = convex_pieces(comb);
  EXPECT_NEAR(total_area(pieces), plan_area(comb), 1e-9);
  EXPECT_LE(pieces.size(), 7U);
  for (const auto& piece : pieces) {
    for (std::size_t i = 0; i < piece.size(); ++i) {
      const PlanPoint a = piece[i];
      const PlanPoint b = piece[(i + 1) % piece.size()];
      const PlanPoint c = piece[(i + 2) % piece.size()];
      EXPECT_GE((b.x - a.x) * (c.y - b.y) - (b.y - a.y) * (c.x - b.x), -1e-9);
    }
  }
}

TEST(RoomScene, CrossedAndFlatPlansAreRefused) {
  EXPECT_THROW(
      Scene::extrude({{0, 0}, {2, 2}, {2, 0}, {0, 2}}, 3, {Material::flat(0.1)}), ConfigError);
  EXPECT_THROW(Scene::extrude({{0, 0}, {1, 0}, {2, 0}}, 3, {Material::flat(0.1)}), ConfigError);
  EXPECT_THROW(Scene::extrude({{0, 0}, {1, 0}}, 3, {Material::flat(0.1)}), ConfigError);
  EXPECT_THROW(Scene::shoebox({4, 0, 2}, Material::flat(0.1)), ConfigError);
}

TEST(RoomScene, FurnitureTakesVolumeAndIsNotAir) {
  Scene scene = Scene::extrude(kEll, 3, {Material::flat(0.1)});
  scene.add_box({1, 1, 0.01}, {2, 2, 1.01}, 0, "cabinet");
  EXPECT_NEAR(scene.volume_m3(), 63 - 1, 1e-9);
  EXPECT_TRUE(scene.check().watertight);
  EXPECT_TRUE(scene.contains({0.5, 0.5, 1}));
  EXPECT_TRUE(scene.contains({1.5, 1.5, 1.5}));
  EXPECT_FALSE(scene.contains({1.5, 1.5, 0.5})) << "inside the cabinet";
  EXPECT_FALSE(scene.contains({5, 4, 1})) << "outside the corner";
  EXPECT_FALSE(scene.contains({1, 1, 3.5})) << "above the ceiling";
  EXPECT_THROW(scene.add_box({1, 1, 1}, {1, 2, 2}, 0, "flat"), ConfigError);
}

TEST(RoomScene, GapsBentAndInvertedFacesAreReported) {
  Scene open = Scene::shoebox({4, 3, 2.5}, Material::flat(0.2));
  open.polygons.pop_back();
  EXPECT_FALSE(open.check().watertight);
  EXPECT_EQ(open.check().open_edges, 4);

  Scene bent = Scene::shoebox({4, 3, 2.5}, Material::flat(0.2));
  bent.polygons[0].corners[0].y += 0.1;
  EXPECT_FALSE(bent.check().problems.empty());

  Scene inverted = Scene::shoebox({4, 3, 2.5}, Material::flat(0.2));
  for (Polygon& polygon : inverted.polygons) {
    std::reverse(polygon.corners.begin(), polygon.corners.end());
  }
  EXPECT_FALSE(inverted.check().facing);
  EXPECT_TRUE(inverted.check().watertight);
}

TEST(RoomScene, ReverberationTimesFollowTheFormulas) {
  const Scene scene = Scene::shoebox({5, 4, 3}, Material::flat(0.3));
  const double k = 24 * std::log(10.0) / 343;
  EXPECT_NEAR(scene.sabine_s(false)[3], k * 60 / (94 * 0.3), 1e-5);
  EXPECT_NEAR(scene.eyring_s(false)[3], k * 60 / (-94 * std::log(0.7)), 1e-5);
  const double air = 4 * 13.5e-3 * 60;
  EXPECT_NEAR(scene.sabine_s(true)[7], k * 60 / (94 * 0.3 + air), 1e-5);
}

TEST(RoomScene, MaterialsOfTheLibraryAreInRangeAndFoundByName) {
  EXPECT_EQ(material_library().size(), 24U);
  for (const Material& material : material_library()) {
    for (const float a : material.absorption) {
      EXPECT_GT(a, 0);
      EXPECT_LT(a, 1);
    }
    EXPECT_EQ(find_material(material.name), material);
  }
  try {
    find_material("plasterbord");
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("plasterboard"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace mmi::worlds::rooms
