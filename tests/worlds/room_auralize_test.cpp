#include "mmi/worlds/rooms/auralize.h"

#include <gtest/gtest.h>

#include <cmath>

#include "mmi/base/errors.h"
#include "mmi/dsp/convolve.h"

namespace mmi::worlds::rooms {
namespace {

Scene furnished() {
  Scene scene = Scene::shoebox({6, 5, 3}, Material::flat(0.3, 0.2));
  scene.add_box({2, 2, 0.01}, {3, 3, 1}, 0, "desk");
  return scene;
}

SimulateOptions fast(int rays = 500) {
  SimulateOptions options;
  options.sample_rate_hz = 44100;
  options.samples = 8000;
  options.rays = rays;
  options.sequence_rays = 3000;
  return options;
}

torch::Tensor noise(std::int64_t samples) {
  torch::manual_seed(3);
  return torch::rand({samples}) * 2 - 1;
}

double error(const torch::Tensor& a, const torch::Tensor& b) {
  return (a - b).abs().max().item<double>() / b.abs().max().item<double>();
}

double energy(const torch::Tensor& x) {
  return x.square().sum().item<double>();
}

TEST(Walk, GoesFromCornerToCorner) {
  const Walk walk({{0, 0, 1}, {3, 0, 1}, {3, 0, 1}, {3, 4, 1}});
  EXPECT_DOUBLE_EQ(walk.length_m(), 7);
  EXPECT_EQ(walk.at(-1), (Vec3{0, 0, 1}));
  EXPECT_EQ(walk.at(1.5), (Vec3{1.5, 0, 1}));
  EXPECT_EQ(walk.at(5), (Vec3{3, 2, 1}));
  EXPECT_EQ(walk.at(9), (Vec3{3, 4, 1}));
  EXPECT_DOUBLE_EQ(*walk.heading_deg(1), 0);
  EXPECT_DOUBLE_EQ(*walk.heading_deg(4), 90);
  EXPECT_DOUBLE_EQ(*walk.heading_deg(7), 90);
  EXPECT_FALSE(Walk({{1, 1, 1}}).heading_deg(0));
  EXPECT_THROW(Walk({}), ConfigError);
}

TEST(Auralizer, AMicrophoneHearsTheSimulatorsResponse) {
  const Simulator simulator(furnished());
  const Source source{{1, 1, 1.5}};
  const Vec3 place{4.5, 3.5, 1.2};
  Auralizer early(simulator, source, Walk({place}), fast(0));
  const Responses expected = simulator.run({source}, place, fast(0));
  const auto wave = torch::from_blob(
      const_cast<float*>(expected.waveform(0)), {expected.samples}, torch::kFloat32);
  EXPECT_LT(error(early.response(0)[0], wave), 1e-5);

  // The late part has other signs, but the same energy.
  Auralizer whole(simulator, source, Walk({place}), fast());
  const Responses late = simulator.run({source}, place, fast());
  double simulated = 0;
  for (std::int64_t n = 3000; n < late.samples; ++n) {
    simulated += std::pow(late.waveform(0)[n], 2);
  }
  const double heard = energy(whole.response(0)[0].narrow(0, 3000, 5000));
  EXPECT_NEAR(10 * std::log10(heard / simulated), 0, 0.7);
}

TEST(Auralizer, ADiracGivesTheResponseAndStandingIsConvolution) {
  const Simulator simulator(furnished());
  Auralizer ears(simulator, {{1, 1, 1.5}}, Walk({{4.5, 3.5, 1.2}}), fast(), {.binaural = true});
  auto dirac = torch::zeros({100});
  dirac[0] = 1;
  const auto response = ears.response(0);
  EXPECT_EQ(response.sizes().vec(), (std::vector<std::int64_t>{2, 8000}));
  EXPECT_LT(error(ears.play(dirac).narrow(1, 0, 8000), response), 1e-5);
  const auto dry = noise(30'000);
  EXPECT_LT(error(ears.play(dry), dsp::convolve(dry.unsqueeze(0), response)), 1e-5);
  // A way without length is a place.
  Auralizer still(
      simulator,
      {{1, 1, 1.5}},
      Walk({{4.5, 3.5, 1.2}, {4.5, 3.5, 1.2}}),
      fast(),
      {.binaural = true});
  EXPECT_EQ(still.places().size(), 1U);
  EXPECT_LT(error(still.play(dry), ears.play(dry)), 1e-6);
}

TEST(Auralizer, BothEarsHearTheSameInFront) {
  const Simulator simulator(Scene::shoebox({6, 4, 3}, Material::flat(0.3, 0)));
  // The listener stands and the source is in the plane y = 2, where the room is symmetric.
  Auralizer ears(simulator, {{1, 2, 1.5}}, Walk({{4, 2, 1.2}}), fast(0), {.binaural = true});
  const auto heard = ears.response(0);  // looks at the source
  EXPECT_LT(error(heard[0], heard[1]), 1e-4);
  EXPECT_LT(error(ears.response(0, 180)[0], heard[0]), 1e-5) << "the source is at 180 degrees";
  const auto turned = ears.response(0, 90);
  EXPECT_GT(error(turned[0], turned[1]), 0.1);
}

TEST(Auralizer, TheEarTowardsTheSourceHearsItEarlierAndLouder) {
  SimulateOptions direct = fast(0);
  direct.image_order = 0;
  direct.high_pass_hz = 0;
  direct.sample_rate_hz = 192000;
  const Simulator simulator(Scene::shoebox({9, 9, 3}, Material::flat(0.3)));
  Auralizer ears(simulator, {{7, 4, 1.5}}, Walk({{2, 4, 1.5}}), direct, {.binaural = true});
  const auto peak = [](const torch::Tensor& wave) {
    return static_cast<double>(wave.abs().argmax().item<std::int64_t>()) / 192000;
  };
  // The source is straight to the right of someone who looks along +y.
  const auto heard = ears.response(0, 90);
  const double difference_s = peak(heard[0]) - peak(heard[1]);
  EXPECT_NEAR(difference_s, 0.65e-3, 0.05e-3);
  EXPECT_GT(energy(heard[1]), 10 * energy(heard[0]));
  // And to the left of one who looks along -y.
  const auto turned = ears.response(0, -90);
  EXPECT_NEAR(peak(turned[1]) - peak(turned[0]), difference_s, 1e-5);
}

TEST(Auralizer, TailsDifferBetweenEarsAtTheSameLevel) {
  SimulateOptions late = fast(4000);
  const Simulator simulator(furnished());
  Auralizer ears(simulator, {{1, 1, 1.5}}, Walk({{4.5, 3.5, 1.2}}), late, {.binaural = true});
  const auto tail = ears.response(0).narrow(1, 4000, 4000);
  const double left = energy(tail[0]);
  const double right = energy(tail[1]);
  EXPECT_NEAR(10 * std::log10(left / right), 0, 1);
  const double correlation = (tail[0] * tail[1]).sum().item<double>() / std::sqrt(left * right);
  EXPECT_LT(std::abs(correlation), 0.6);
}

TEST(Auralizer, WalkingHearsImagesFromWhereOneIs) {
  // Simulated places are a metre apart; half-way, direct sound and reflections arrive as if that
  // place had been simulated.
  const Simulator simulator(Scene::shoebox({6, 4, 3}, Material::flat(0.3, 0)));
  const Source source{{1, 2.2, 1.5}};
  AuralizeOptions wide;
  wide.spacing_m = 1;
  SimulateOptions early = fast(0);
  early.air = false;
  Auralizer walk(simulator, source, Walk({{3, 1, 1.2}, {5, 1, 1.2}}), early, wide);
  EXPECT_EQ(walk.places().size(), 3U);
  EXPECT_EQ(walk.places_with_direct_sound(), 3);
  Auralizer there(simulator, source, Walk({{3.5, 1, 1.2}}), early, wide);
  EXPECT_LT(error(walk.response(0.5), there.response(0)), 1e-3);
}

TEST(Auralizer, WalkingTowardsTheSourceGetsLouder) {
  SimulateOptions direct = fast(0);
  direct.image_order = 0;
  const Simulator simulator(Scene::shoebox({9, 4, 3}, Material::flat(0.3, 0)));
  Auralizer walk(simulator, {{1, 2, 1.5}}, Walk({{8, 2, 1.5}, {2, 2, 1.5}}), direct);
  const auto dry = noise(44100);
  const auto wet = walk.play(dry)[0];
  EXPECT_EQ(wet.size(0), 44100 + 8000 - 1);
  const double change =
      10 * std::log10(energy(wet.narrow(0, 43000, 1000)) / energy(wet.narrow(0, 1000, 1000)));
  EXPECT_NEAR(change, 20 * std::log10(7), 1.5);
}

TEST(Auralizer, RejectsPlacesInFurnitureAndBadOptions) {
  const Simulator simulator(furnished());
  const Walk through({{1, 2.5, 0.5}, {5, 2.5, 0.5}});
  EXPECT_THROW(Auralizer(simulator, {{1, 1, 1.5}}, through, fast()), ConfigError);
  AuralizeOptions none;
  none.spacing_m = 0;
  EXPECT_THROW(Auralizer(simulator, {{1, 1, 1.5}}, Walk({{1, 4, 1}}), fast(), none), ConfigError);
  Auralizer good(simulator, {{1, 1, 1.5}}, Walk({{1, 4, 1}}), fast(0));
  EXPECT_THROW(good.play(torch::zeros({0})), ShapeError);
  EXPECT_THROW(good.play(torch::zeros({2, 9})), ShapeError);
}

}  // namespace
}  // namespace mmi::worlds::rooms
