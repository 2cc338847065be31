#include <gtest/gtest.h>

#include <tuple>

#include "mmi/base/errors.h"
#include "mmi/data/formats/haa.h"
#include "mmi/worlds/rooms/depth.h"

namespace mmi::worlds::rooms {
namespace {

// Every quadrilateral cut into n x n triangle pairs: enough pieces for a tree.
Scene shattered(const Scene& scene, int n) {
  Scene made = scene;
  made.polygons.clear();
  for (const Polygon& p : scene.polygons) {
    const Vec3 u = p.corners[1] - p.corners[0];
    const Vec3 v = p.corners[3] - p.corners[0];
    for (int i = 0; i < n; ++i) {
      for (int j = 0; j < n; ++j) {
        const auto at = [&](int a, int b) {
          return p.corners[0] + (static_cast<double>(a) / n) * u + (static_cast<double>(b) / n) * v;
        };
        made.polygons.push_back({{at(i, j), at(i + 1, j), at(i + 1, j + 1)}, p.material, p.object});
        made.polygons.push_back({{at(i, j), at(i + 1, j + 1), at(i, j + 1)}, p.material, p.object});
      }
    }
  }
  return made;
}

Scene with_boxes() {
  Scene scene = Scene::shoebox({6, 5, 3}, Material::flat(0.1));
  scene.add_box({1, 1, 0.01}, {2, 2.5, 1.2}, 0, "cabinet");
  scene.add_box({4, 3, 0.7}, {5, 4, 0.75}, 0, "table");
  return scene;
}

TEST(RoomDepth, TheCentreColumnLooksAlongXAndTheFirstRowUp) {
  const DepthRenderer renderer(Scene::shoebox({7, 9, 3}, Material::flat(0.1)));
  const auto depth = renderer.depth({3, 5, 1.2}, 256, 512, PixelConvention::kRelease);
  const auto at = [&](int row, int column) { return depth[row][column].item<float>(); };
  EXPECT_NEAR(at(127, 256), 4, 1e-4) << "+x";
  EXPECT_NEAR(at(127, 0), 3, 1e-4) << "-x";
  EXPECT_NEAR(at(127, 128), 5, 1e-4) << "-y";
  EXPECT_NEAR(at(127, 384), 4, 1e-4) << "+y";
  EXPECT_NEAR(at(255, 10), 1.2, 1e-4) << "down";
}

TEST(RoomDepth, CentrePixelsUnprojectOntoWalls) {
  const Vec3 eye{3, 3, 1.5};
  const auto depth = DepthRenderer(Scene::shoebox({6, 5, 3}, Material::flat(0.1))).depth(eye);
  const auto points = unproject(depth);
  const auto wall = [&](int axis, double position, double origin) {
    return (points[axis] + origin - position).abs();
  };
  auto nearest = torch::minimum(wall(0, 0, eye.x), wall(0, 6, eye.x));
  nearest = torch::minimum(nearest, torch::minimum(wall(1, 0, eye.y), wall(1, 5, eye.y)));
  nearest = torch::minimum(nearest, torch::minimum(wall(2, 0, eye.z), wall(2, 3, eye.z)));
  EXPECT_LE(nearest.max().item<float>(), 1e-5);
}

TEST(RoomDepth, MeshesAndQuadsLookTheSame) {
  const Scene scene = with_boxes();
  const Vec3 eye{3.1, 2.2, 1.4};
  const auto quads = DepthRenderer(scene).panorama(eye, 64, 128);
  const auto mesh = DepthRenderer(shattered(scene, 5)).panorama(eye, 64, 128);
  EXPECT_LE((quads.depth - mesh.depth).abs().max().item<float>(), 2e-5);
  EXPECT_LE((quads.normal - mesh.normal).abs().max().item<float>(), 1e-6);
}

TEST(RoomDepth, NormalsFaceTheViewer) {
  const auto seen = DepthRenderer(with_boxes()).panorama({3.1, 2.2, 1.4}, 64, 128);
  const auto along = (unproject(seen.depth) * seen.normal).sum(0);
  EXPECT_LT(along.max().item<float>(), 0);
  EXPECT_TRUE((seen.material == 0).all().item<bool>());
}

// specs/ch08 §5.2: pixels of the depth maps that xRIR ships for two measured rooms.
TEST(RoomDepth, EqualsTheMapsThatWereReleased) {
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
    Scene scene;
    scene.materials = {Material::flat(0.1)};
    for (const auto& plane : data::formats::haa_planes(name)) {
      Polygon polygon{{}, 0, 0};
      for (const auto& corner : plane.corners) {
        polygon.corners.push_back({corner[0], corner[1], corner[2]});
      }
      scene.polygons.push_back(std::move(polygon));
    }
    const auto& eye = data::formats::haa_room(name).speaker;
    const auto depth =
        DepthRenderer(scene).depth({eye[0], eye[1], eye[2]}, 256, 512, PixelConvention::kRelease);
    EXPECT_NEAR(depth[row][column].item<float>(), metres, 1e-4) << name << row << "," << column;
  }
}

TEST(RoomDepth, NothingIsZeroMetresAway) {
  Scene wall;
  wall.materials = {Material::flat(0.1)};
  wall.polygons = {{{{2, -1, -1}, {2, 1, -1}, {2, 1, 1}, {2, -1, 1}}, 0, 0}};
  const auto seen = DepthRenderer(wall).panorama({0, 0, 0}, 16, 32);
  EXPECT_GT(seen.depth[8][16].item<float>(), 1.9);
  EXPECT_EQ(seen.depth[8][0].item<float>(), 0);
  EXPECT_EQ(seen.material[8][0].item<int>(), -1);
  EXPECT_THROW(DepthRenderer(wall).depth({0, 0, 0}, 0, 32), ConfigError);
  EXPECT_THROW(unproject(torch::zeros({4})), ShapeError);
}

}  // namespace
}  // namespace mmi::worlds::rooms
