#include "mmi/models/xrir/xrir.h"

#include <gtest/gtest.h>

#include "mmi/base/errors.h"
#include "mmi/models/xrir/spectrum.h"
#include "mmi/nn/state.h"

namespace mmi::models::xrir {
namespace {

XRirConfig tiny() {
  XRirConfig config;
  config.vit = {
      .height = 16,
      .width = 32,
      .patch_height = 4,
      .patch_width = 8,
      .dim = 16,
      .depth = 1,
      .heads = 2,
      .head_dim = 8,
      .mlp_dim = 16};
  config.channels = 16;
  config.audio_width = 0.125;
  config.frames = 33;
  return config;
}

constexpr std::int64_t kSamples = 1000;

TEST(XRirSpectrum, A9600SampleResponseHas310Frames) {
  EXPECT_EQ(frames_of(9600), 310);
  const auto spectrum = magnitudes(torch::rand({2, 9600}));
  EXPECT_EQ(spectrum.sizes().vec(), (std::vector<std::int64_t>{2, 63, 310}));
  const auto silence = magnitudes(torch::zeros({9600}));
  EXPECT_FLOAT_EQ(silence.max().item<float>(), std::sqrt(1e-7F));
  EXPECT_TRUE(torch::allclose(from_log(to_log(spectrum)), spectrum));
}

TEST(XRirSpectrum, DelaysRoundHalvesToEven) {
  // 22050 / 343 = 450 / 7: 1.75 m are 112.5 samples, 5.25 m 337.5.
  const auto source = torch::tensor({{0.0, 0.0, 10.0}}, torch::kDouble);
  auto references = torch::zeros({1, 5, 3}, torch::kDouble);
  const std::array<double, 5> distance{8.25, 4.75, 11.75, 10.4, 10};
  for (std::int64_t k = 0; k < 5; ++k) {
    references[0][k][1] = distance[static_cast<std::size_t>(k)];
  }
  const auto delays = alignment_delays(source, references)[0];
  const std::array<std::int64_t, 5> expected{112, 338, -112, -26, 0};
  for (std::int64_t k = 0; k < 5; ++k) {
    EXPECT_EQ(delays[k].item<std::int64_t>(), expected[static_cast<std::size_t>(k)]) << k;
  }
}

TEST(XRirSpectrum, AlignmentShiftsAndScales) {
  const double sample = kSpeedOfSound / kSampleRateHz;
  const auto source = torch::tensor({{0.0, 0.0, 100 * sample}}, torch::kDouble);
  auto references = torch::zeros({1, 2, 3}, torch::kDouble);
  references[0][0][0] = 97 * sample;   // nearer: has to come 3 samples later
  references[0][1][0] = 104 * sample;  // farther: 4 samples earlier
  const auto responses = torch::arange(1, 21, torch::kDouble).view({1, 2, 10});
  const auto moved = align(responses, source, references);
  EXPECT_EQ(moved[0][0][2].item<double>(), 0);
  EXPECT_NEAR(moved[0][0][3].item<double>(), 1 * 0.97, 1e-6);
  EXPECT_NEAR(moved[0][0][9].item<double>(), 7 * 0.97, 1e-6);
  EXPECT_NEAR(moved[0][1][0].item<double>(), 15 * 1.04, 1e-5);
  EXPECT_EQ(moved[0][1][6].item<double>(), 0);
  EXPECT_THROW(align(responses, source, references.narrow(1, 0, 1)), ShapeError);
}

TEST(XRir, CountsItsPublishedParameters) {
  XRirConfig config;
  EXPECT_EQ(nn::parameter_count(XRir(config)), 22096321);
  config.vit.depth = 12;
  EXPECT_EQ(nn::parameter_count(XRir(config)), 31551937);
}

GroupedInputs some_group() {
  torch::manual_seed(4);
  const std::int64_t receivers = 2;
  const std::int64_t sources = 5;
  GroupedInputs in;
  in.map = torch::randn({receivers, 3, 16, 32}) * 3;
  in.sources = torch::randn({receivers, sources, 3}) * 2;
  in.responses = torch::randn({receivers, sources, kSamples}) * 0.1;
  in.chosen = torch::empty({receivers, sources, 3}, torch::kLong);
  for (std::int64_t r = 0; r < receivers; ++r) {
    for (std::int64_t s = 0; s < sources; ++s) {
      const auto others = torch::randperm(sources - 1).narrow(0, 0, 3);
      in.chosen[r][s] = (others + s + 1) % sources;
    }
  }
  return in;
}

TEST(XRir, GroupsGiveWhatSinglePairsGive) {
  const torch::NoGradGuard no_grad;
  for (const Align how : {Align::kBoth, Align::kWeightsOnly, Align::kNone}) {
    XRirConfig config = tiny();
    config.align = how;
    config.weight_bias = how == Align::kBoth ? WeightBias::kNone : WeightBias::kUniform;
    torch::manual_seed(1);
    XRir net(config);
    net.eval();
    const GroupedInputs in = some_group();
    const auto grouped = net.forward(in);
    ASSERT_EQ(grouped.sizes().vec(), (std::vector<std::int64_t>{2, 5, 63, 33}));
    for (std::int64_t r = 0; r < 2; ++r) {
      for (std::int64_t s = 0; s < 5; ++s) {
        const auto chosen = in.chosen[r][s];
        const auto alone = net.forward(XRirInputs{
            in.map.narrow(0, r, 1),
            in.sources[r].narrow(0, s, 1),
            in.sources[r].index_select(0, chosen).unsqueeze(0),
            in.responses[r].index_select(0, chosen).unsqueeze(0)});
        EXPECT_LE((alone[0] - grouped[r][s]).abs().max().item<float>(), 1e-5);
      }
    }
  }
}

TEST(XRir, WithUniformWeightsItIsTheMeanOfItsReferences) {
  const torch::NoGradGuard no_grad;
  XRirConfig config = tiny();
  config.weight_bias = WeightBias::kUniform;
  config.align = Align::kNone;
  XRir net(config);
  for (auto& parameter : net.parameters()) {
    parameter.zero_();
  }
  net.eval();
  const GroupedInputs in = some_group();
  const auto out = net.forward(in);
  const auto expected =
      to_log(magnitudes(in.responses[0].index_select(0, in.chosen[0][2]))).mean(0);
  EXPECT_LE((out[0][2] - expected).abs().max().item<float>(), 1e-4);
}

TEST(XRir, SwitchedOffPartsDoNotMatter) {
  const torch::NoGradGuard no_grad;
  const GroupedInputs in = some_group();
  GroupedInputs other = in;
  other.map = in.map.flip(-1);
  for (const bool depth : {true, false}) {
    torch::manual_seed(1);
    XRirConfig config = tiny();
    config.depth = depth;
    XRir net(config);
    net.eval();
    const bool same = torch::equal(net.forward(in), net.forward(other));
    EXPECT_EQ(same, !depth);
  }
}

TEST(XRir, EveryParameterLearns) {
  XRir net(tiny());
  net.train();
  const auto out = net.forward(some_group());
  torch::manual_seed(2);
  (out * torch::randn_like(out)).sum().backward();
  for (const auto& entry : net.named_parameters()) {
    ASSERT_TRUE(entry.value().grad().defined()) << entry.key();
    EXPECT_GT(entry.value().grad().abs().max().item<double>(), 0) << entry.key();
  }
}

TEST(XRir, WrongShapesAreNamed) {
  XRir net(tiny());
  GroupedInputs in = some_group();
  in.map = in.map.narrow(0, 0, 1);
  EXPECT_THROW(net.forward(in), ShapeError);
  in = some_group();
  in.responses = torch::randn({2, 5, 500});
  EXPECT_THROW(net.forward(in), ShapeError);
  XRirConfig config = tiny();
  config.vit.patch_width = 7;
  EXPECT_THROW(XRir{config}, ConfigError);
}

}  // namespace
}  // namespace mmi::models::xrir
