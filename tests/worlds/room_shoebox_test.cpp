#include "mmi/worlds/rooms/shoebox.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "mmi/base/errors.h"

namespace mmi::worlds::rooms {
namespace {

/// Two rooms whose walls all differ, one of them away from the origin, and three places in each.
struct Batch {
  std::vector<Scene> scenes;
  std::vector<ShoeboxPair> pairs;

  Batch() {
    scenes = {room({6, 4, 3}, {0, 0, 0}), room({3.1, 5.3, 2.4}, {-1, 2, 0.5})};
    for (const Scene& scene : scenes) {
      const Vec3 corner = scene.polygons[0].corners[0];
      Vec3 low = corner;
      for (const Polygon& polygon : scene.polygons) {
        for (const Vec3 c : polygon.corners) {
          low = {std::min(low.x, c.x), std::min(low.y, c.y), std::min(low.z, c.z)};
        }
      }
      pairs.push_back({&scene, low + Vec3{1, 1.2, 1.5}, low + Vec3{2.5, 3.1, 1.1}});
      pairs.push_back({&scene, low + Vec3{0.7, 3.3, 0.4}, low + Vec3{2.5, 3.1, 1.1}});
      pairs.push_back({&scene, low + Vec3{2.2, 0.6, 1.9}, low + Vec3{0.4, 0.5, 2.0}});
    }
  }

  static Scene room(Vec3 size, Vec3 at) {
    Scene scene = Scene::shoebox(size, Material::flat(0.2));
    scene.materials.clear();
    for (std::size_t side = 0; side < scene.polygons.size(); ++side) {
      Material material = Material::flat(0.1 + 0.1 * static_cast<double>(side));
      material.absorption[3] += 0.2F;
      scene.materials.push_back(material);
      scene.polygons[side].material = static_cast<int>(side);
      for (Vec3& corner : scene.polygons[side].corners) {
        corner = corner + at;
      }
    }
    return scene;
  }

  torch::Tensor simulated(const SimulateOptions& options) const {
    std::vector<torch::Tensor> waves;
    for (const ShoeboxPair& pair : pairs) {
      const Responses made =
          Simulator(*pair.scene).run(std::vector<Source>{{pair.source}}, pair.receiver, options);
      waves.push_back(torch::tensor(made.waveforms));
    }
    return torch::stack(waves);
  }
};

SimulateOptions image_sources(int order) {
  SimulateOptions options;
  options.rays = 0;
  options.samples = 4000;
  options.image_order = order;
  return options;
}

void expect_equal(const torch::Tensor& made, const torch::Tensor& expected) {
  ASSERT_EQ(made.sizes(), expected.sizes());
  const auto peak = expected.abs().amax(1, true);
  EXPECT_GT(peak.min().item<float>(), 0.05);
  EXPECT_LT(((made - expected).abs() / peak).max().item<float>(), 1e-5);
}

TEST(Shoebox, GivesWhatTheSimulatorGivesWithoutRays) {
  const Batch batch;
  for (const int order : {0, 3, -1}) {
    const SimulateOptions options = image_sources(order);
    expect_equal(shoebox_responses(batch.pairs, options), batch.simulated(options));
  }
  SimulateOptions dry = image_sources(-1);
  dry.air = false;
  dry.sample_rate_hz = 48000;
  dry.high_pass_hz = 0;
  expect_equal(shoebox_responses(batch.pairs, dry), batch.simulated(dry));
}

TEST(Shoebox, OtherScenesAndPlacesAreRefused) {
  const Scene room = Scene::shoebox({5, 4, 3}, Material::flat(0.2));
  Scene furnished = room;
  furnished.add_box({1, 1, 0.1}, {2, 2, 1}, 0, "desk");
  const auto options = image_sources(2);
  EXPECT_THROW(shoebox_responses({{&furnished, {3, 3, 1}, {4, 3, 1}}}, options), ConfigError);
  EXPECT_THROW(shoebox_responses({{&room, {3, 3, 1}, {6, 3, 1}}}, options), ConfigError);
  EXPECT_THROW(shoebox_responses({}, options, torch::kMeta), NotBuiltError);
  EXPECT_EQ(shoebox_responses({}, options).size(0), 0);
}

TEST(Shoebox, CudaGivesWhatTheProcessorGives) {
  const Batch batch;
  const SimulateOptions options = image_sources(-1);
  if (!torch::cuda::is_available()) {
    GTEST_SKIP() << "no CUDA device that this torch can use";
  }
  try {
    const auto made = shoebox_responses(batch.pairs, options, torch::kCUDA);
    expect_equal(made, shoebox_responses(batch.pairs, options));
  } catch (const NotBuiltError& error) {
    GTEST_SKIP() << error.what();
  }
}

}  // namespace
}  // namespace mmi::worlds::rooms
