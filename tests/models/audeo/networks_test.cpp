#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "mmi/base/errors.h"
#include "mmi/models/audeo/baseline.h"
#include "mmi/models/audeo/losses.h"
#include "mmi/models/audeo/roll2midi.h"
#include "mmi/models/audeo/video2roll.h"
#include "mmi/nn/state.h"

namespace mmi::models::audeo {
namespace {

constexpr auto kChannelsLast = torch::MemoryFormat::ChannelsLast;

void to_channels_last(torch::nn::Module& net) {
  torch::NoGradGuard no_grad;
  for (auto& parameter : net.parameters()) {
    if (parameter.dim() == 4) {
      parameter.set_data(parameter.contiguous(kChannelsLast));
    }
  }
}

torch::Tensor state_tensor(const torch::nn::Module& net, const std::string& name) {
  for (const auto& entry : nn::state_of(net)) {
    if (entry.name == name) {
      return entry.tensor;
    }
  }
  return {};
}

// `loose`: parameters whose gradient is zero by construction (biases in front of instance norms).
void expect_gradients(nn::UnaryModule& net, const torch::Tensor& input, bool loose = false) {
  torch::manual_seed(3);
  const torch::Tensor out = net.forward(input);
  (out * torch::randn_like(out)).sum().backward();
  for (const auto& entry : net.named_parameters()) {
    ASSERT_TRUE(entry.value().grad().defined()) << entry.key();
    EXPECT_TRUE(entry.value().grad().isfinite().all().item<bool>()) << entry.key();
    if (!loose || entry.value().dim() > 1) {
      EXPECT_GT(entry.value().grad().abs().max().item<double>(), 0) << entry.key();
    }
  }
}

// Same outputs and input gradients in NCHW and NHWC memory.
void expect_same_in_channels_last(nn::UnaryModule& net, const torch::Tensor& input) {
  net.eval();
  net.to(torch::kDouble);
  torch::Tensor x = input.to(torch::kDouble).requires_grad_();
  const torch::Tensor plain = net.forward(x);
  const torch::Tensor weight = torch::rand_like(plain);
  const torch::Tensor plain_grad = torch::autograd::grad({(plain * weight).sum()}, {x})[0];
  to_channels_last(net);
  x = x.detach().contiguous(kChannelsLast).requires_grad_();
  const torch::Tensor last = net.forward(x);
  const torch::Tensor last_grad = torch::autograd::grad({(last * weight).sum()}, {x})[0];
  EXPECT_TRUE(torch::allclose(plain, last, 1e-9, 1e-11));
  EXPECT_TRUE(torch::allclose(plain_grad, last_grad, 1e-9, 1e-11));
}

TEST(AudeoNetworks, HaveThePublishedParameterCounts) {
  EXPECT_EQ(nn::parameter_count(Video2RollNet({})), 12713651);
  EXPECT_EQ(nn::parameter_count(Video2RollNet({.classes = 88})), 12718424);
  EXPECT_EQ(nn::parameter_count(Video2RollNet({.width = 0.25})), 805331);
  EXPECT_EQ(nn::parameter_count(Roll2MidiGenerator({})), 25103665);
  EXPECT_EQ(nn::parameter_count(Roll2MidiGenerator({.width = 0.125})), 393175);
  EXPECT_EQ(nn::parameter_count(Roll2MidiDiscriminator({})), 1554433);
  EXPECT_EQ(nn::parameter_count(ResNetBaseline({})), 11208947);
  // One more 7x7 input channel (64 * 49) and 448 more features per key.
  EXPECT_EQ(nn::parameter_count(ResNetBaseline({.slope = true, .aggregation = true})), 11234931);
}

TEST(AudeoNetworks, ColumnsReadoutKeepsTheColumnsOfTheMapApart) {
  Video2RollConfig config{.width = 0.125, .readout = Readout::kColumns, .input_width = 132};
  EXPECT_EQ(Video2RollNet(config).forward(torch::rand({2, 5, 36, 132})).size(1), 51);
  const torch::Tensor map = torch::arange(12, torch::kFloat32).view({1, 2, 2, 3});
  EXPECT_TRUE(torch::equal(
      read_out(Readout::kColumns, map),
      torch::tensor({1.5F, 2.5F, 3.5F, 7.5F, 8.5F, 9.5F}).unsqueeze(0)));
  EXPECT_TRUE(
      torch::equal(read_out(Readout::kGlobal, map), torch::tensor({2.5F, 8.5F}).unsqueeze(0)));
  config.input_width = 0;
  EXPECT_THROW(Video2RollNet{config}, ConfigError);
  ResNetBaseline resnet({.width = 0.125, .readout = Readout::kColumns, .input_width = 132});
  EXPECT_EQ(resnet.forward(torch::rand({2, 5, 36, 132})).size(1), 51);
}

TEST(AudeoNetworks, PyramidWidthChangesThePyramidAlone) {
  const Video2RollNet thin({.width = 0.25});
  const Video2RollNet rich({.width = 0.25, .pyramid_width = 1});
  const auto shape = [](const Video2RollNet& net, const char* name) {
    return net.named_parameters()[name].sizes().vec();
  };
  EXPECT_EQ(shape(thin, "layer4.1.conv2.weight"), shape(rich, "layer4.1.conv2.weight"));
  EXPECT_EQ(shape(rich, "fc.weight"), (std::vector<std::int64_t>{51, 128}));
  EXPECT_EQ(shape(thin, "fc.weight"), (std::vector<std::int64_t>{51, 32}));
}

TEST(AudeoNetworks, ReadTheirConfigurationFromATree) {
  auto node = config::Node::map();
  node.set("readout", config::Node::text("columns"));
  node.set("frb", config::Node::boolean(false));
  const auto read = config::read<Video2RollConfig>(node);
  EXPECT_EQ(read.readout, Readout::kColumns);
  EXPECT_FALSE(read.frb);
  EXPECT_TRUE(read.correlation);
  node.set("width", config::Node::real(0));
  EXPECT_THROW(config::read<Video2RollConfig>(node), ConfigError);
}

TEST(AudeoNetworks, PassGradientsToEveryParameter) {
  torch::manual_seed(1);
  const torch::Tensor frames = torch::rand({2, 5, 36, 68});
  for (const bool frb : {true, false}) {
    for (const bool correlation : {true, false}) {
      Video2RollNet net({.width = 0.0625, .frb = frb, .correlation = correlation});
      expect_gradients(net, frames);
    }
  }
  ResNetBaseline baseline({.width = 0.125, .slope = true, .aggregation = true});
  expect_gradients(baseline, frames);
  Roll2MidiGenerator generator({.width = 0.0625});
  expect_gradients(generator, torch::rand({2, 1, 51, 40}));
  Roll2MidiDiscriminator discriminator({.width = 0.125});
  expect_gradients(discriminator, torch::rand({2, 1, 51, 40}), true);
}

TEST(AudeoNetworks, ComputeTheSameInChannelsLast) {
  torch::manual_seed(2);
  Video2RollNet video2roll({.width = 0.125});
  expect_same_in_channels_last(video2roll, torch::rand({2, 5, 68, 100}));
  ResNetBaseline baseline({.width = 0.125, .slope = true, .aggregation = true});
  expect_same_in_channels_last(baseline, torch::rand({2, 5, 64, 96}));
  Roll2MidiGenerator generator({.width = 0.0625});
  expect_same_in_channels_last(generator, torch::rand({2, 1, 51, 40}));
  Roll2MidiDiscriminator discriminator({.width = 0.125});
  expect_same_in_channels_last(discriminator, torch::rand({2, 1, 51, 40}));
}

TEST(AudeoNetworks, ContinueFromASavedState) {
  Video2RollNet first({.width = 0.125});
  Video2RollNet second({.width = 0.125});
  const torch::Tensor frames = torch::rand({2, 5, 36, 68});
  first.train();
  first.forward(frames);  // moves the running statistics
  std::vector<std::pair<std::string, torch::Tensor>> tensors;
  for (const auto& entry : nn::state_of(first)) {
    tensors.emplace_back(entry.name, entry.tensor);
  }
  nn::load_state(second, tensors, "first");
  first.eval();
  second.eval();
  EXPECT_TRUE(torch::equal(first.forward(frames), second.forward(frames)));
}

TEST(Video2Roll, AcceptsEverySizeWithRemainderThreeToTen) {
  torch::NoGradGuard no_grad;
  Video2RollNet net({.width = 0.03});
  net.eval();
  for (const std::int64_t base : {0, 32, 64, 96}) {
    for (std::int64_t rest = 3; rest <= 10; ++rest) {
      EXPECT_EQ(net.forward(torch::rand({1, 5, base + rest, 36})).size(1), 51) << base + rest;
      EXPECT_EQ(net.forward(torch::rand({1, 5, 36, base + rest})).size(1), 51) << base + rest;
    }
  }
}

TEST(Video2Roll, RejectsOtherSizesNamingTheRule) {
  Video2RollNet net({.width = 0.03});
  for (const auto& [height, width] : {std::pair{50, 450}, {64, 576}, {128, 896}, {2, 900}}) {
    try {
      net.forward(torch::rand({1, 5, height, width}));
      ADD_FAILURE() << height << " x " << width;
    } catch (const ConfigError& error) {
      EXPECT_NE(std::string(error.what()).find("mod 32 is in 3..10"), std::string::npos);
    }
  }
  EXPECT_THROW(net.forward(torch::rand({1, 4, 68, 452})), ShapeError);
  EXPECT_THROW(Video2RollNet({.classes = 0}), ConfigError);
}

TEST(Video2Roll, MapsAreFourByTwentyNineAtThePublishedSize) {
  torch::NoGradGuard no_grad;
  Video2RollNet net({.width = 0.125});
  const auto a = net.activations(torch::rand({2, 5, 100, 900}));
  const std::vector<std::int64_t> map{2, 16, 4, 29};
  EXPECT_EQ(a.p4.sizes().vec(), map);
  EXPECT_EQ(a.p3.sizes().vec(), map);
  EXPECT_EQ(a.p2.sizes().vec(), map);
  EXPECT_EQ(a.logits.sizes().vec(), (std::vector<std::int64_t>{2, 51}));
}

TEST(Video2Roll, SwitchedOffPartsHaveNoParameters) {
  const auto has = [](const torch::nn::Module& net, const std::string& part) {
    for (const auto& entry : nn::state_of(net)) {
      if (entry.name.rfind(part, 0) == 0) {
        return true;
      }
    }
    return false;
  };
  const Video2RollNet without_frb({.width = 0.125, .frb = false});
  EXPECT_FALSE(has(without_frb, "FRB"));
  EXPECT_FALSE(has(without_frb, "toplayer"));
  EXPECT_TRUE(has(without_frb, "conv2"));
  const Video2RollNet without_correlation({.width = 0.125, .correlation = false});
  EXPECT_TRUE(has(without_correlation, "FRB2"));
  EXPECT_FALSE(has(without_correlation, "conv2"));
}

TEST(Video2Roll, ConvolutionsStartWithHeFanOut) {
  torch::manual_seed(4);
  const Video2RollNet net({});
  const auto expect_sd = [&net](const char* name, double variance) {
    EXPECT_NEAR(state_tensor(net, name).std().item<double>() / std::sqrt(variance), 1, 0.02);
  };
  expect_sd("conv1.weight", 2.0 / (11 * 11 * 64));
  expect_sd("layer4.1.conv2.weight", 2.0 / (9 * 512));
  expect_sd("FTB3.conv0.weight", 2.0 / 128);
}

TEST(ResNetBaseline, SlopeIsOneMoreInputChannel) {
  torch::NoGradGuard no_grad;
  ResNetBaseline plain({.width = 0.125});
  ResNetBaseline slope({.width = 0.125, .slope = true});
  std::vector<std::pair<std::string, torch::Tensor>> tensors;
  for (const auto& entry : nn::state_of(plain)) {
    torch::Tensor value = entry.tensor;
    if (entry.name == "conv1.weight") {
      value = torch::cat({value, torch::zeros({value.size(0), 1, 7, 7})}, 1);
    }
    tensors.emplace_back(entry.name, value);
  }
  nn::load_state(slope, tensors, "plain");
  plain.eval();
  slope.eval();
  const torch::Tensor frames = torch::rand({2, 5, 50, 120});
  EXPECT_TRUE(torch::allclose(plain.forward(frames), slope.forward(frames), 1e-5, 1e-6));
  torch::Tensor stem = state_tensor(slope, "conv1.weight");
  stem.select(1, 5).fill_(1);
  EXPECT_FALSE(torch::allclose(plain.forward(frames), slope.forward(frames), 1e-3, 1e-3));
}

TEST(ResNetBaseline, AggregationSeesAllStages) {
  torch::NoGradGuard no_grad;
  ResNetBaseline net({.width = 0.125, .aggregation = true});
  net.eval();
  const torch::Tensor frames = torch::rand({2, 5, 50, 120});
  const auto maps = net.stages(frames);
  const torch::Tensor features = torch::cat(
      {maps[0].mean({2, 3}), maps[1].mean({2, 3}), maps[2].mean({2, 3}), maps[3].mean({2, 3})}, 1);
  EXPECT_EQ(features.size(1), 120);
  const torch::Tensor expected =
      torch::addmm(state_tensor(net, "fc.bias"), features, state_tensor(net, "fc.weight").t());
  EXPECT_TRUE(torch::allclose(net.forward(frames), expected, 1e-5, 1e-6));
}

TEST(Roll2Midi, KeepsTheSizeAndStaysInTheUnitInterval) {
  torch::NoGradGuard no_grad;
  Roll2MidiGenerator net({.width = 0.03});
  for (const std::int64_t keys : {51, 88}) {
    const torch::Tensor out = net.forward(torch::rand({2, 1, keys, 100}));
    EXPECT_EQ(out.sizes().vec(), (std::vector<std::int64_t>{2, 1, keys, 100}));
    EXPECT_GT(out.min().item<double>(), 0);
    EXPECT_LT(out.max().item<double>(), 1);
  }
  EXPECT_THROW(net.forward(torch::rand({2, 51, 100})), ShapeError);
}

TEST(Roll2Midi, PatchCountIsAnEighthRoundedUp) {
  torch::NoGradGuard no_grad;
  Roll2MidiDiscriminator net({.width = 0.125});
  const auto patch = [&net](std::int64_t keys, std::int64_t frames) {
    return net.forward(torch::rand({1, 1, keys, frames})).sizes().vec();
  };
  EXPECT_EQ(patch(51, 100), (std::vector<std::int64_t>{1, 1, 7, 13}));
  EXPECT_EQ(patch(88, 96), (std::vector<std::int64_t>{1, 1, 11, 12}));
}

TEST(Roll2Midi, StartsWithSmallNormalWeights) {
  torch::manual_seed(5);
  const Roll2MidiGenerator net({.width = 0.5});
  EXPECT_NEAR(state_tensor(net, "up1.model.0.weight").std().item<double>(), 0.02, 4e-4);
  EXPECT_NEAR(state_tensor(net, "down6.model.0.weight").std().item<double>(), 0.02, 4e-4);
  const torch::Tensor gain = state_tensor(net, "down5.model.1.weight");
  EXPECT_NEAR(gain.mean().item<double>(), 1, 0.005);
  EXPECT_NEAR(gain.std().item<double>(), 0.02, 0.003);
  EXPECT_EQ(state_tensor(net, "down5.model.1.bias").abs().max().item<double>(), 0);
}

TEST(Roll2Midi, DropsOutInTrainingOnly) {
  torch::NoGradGuard no_grad;
  Roll2MidiGenerator net({.width = 0.0625});
  const torch::Tensor roll = torch::rand({1, 1, 51, 40});
  net.train();
  EXPECT_FALSE(torch::equal(net.forward(roll), net.forward(roll)));
  net.eval();
  EXPECT_TRUE(torch::equal(net.forward(roll), net.forward(roll)));
}

}  // namespace
}  // namespace mmi::models::audeo
