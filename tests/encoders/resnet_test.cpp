#include "mmi/encoders/resnet.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "mmi/base/errors.h"
#include "mmi/nn/state.h"

namespace mmi::encoders {
namespace {

TEST(ResNet18, HasTorchvisionsSizeAndKeys) {
  const ResNet18 net({.classes = 1000});
  EXPECT_EQ(nn::parameter_count(net), 11689512);  // torchvision.models.resnet18()
  const auto state = nn::state_of(net);
  ASSERT_EQ(state.size(), 122U);
  EXPECT_EQ(state.front().name, "conv1.weight");
  EXPECT_EQ(state[5].name, "bn1.num_batches_tracked");
  EXPECT_EQ(state.back().name, "fc.bias");
  std::vector<std::string> downsample;
  for (const auto& entry : state) {
    if (entry.name.find("downsample.0") != std::string::npos) {
      downsample.push_back(entry.name);
    }
  }
  EXPECT_EQ(
      downsample,
      (std::vector<std::string>{
          "layer2.0.downsample.0.weight",
          "layer3.0.downsample.0.weight",
          "layer4.0.downsample.0.weight"}));
}

TEST(ResNet18, StagesHalveTheMap) {
  torch::NoGradGuard no_grad;
  ResNet18 net({.in_channels = 1, .width = 0.25});
  const auto maps = net.stages(torch::rand({2, 1, 64, 96}));
  EXPECT_EQ(maps[0].sizes().vec(), (std::vector<std::int64_t>{2, 16, 16, 24}));
  EXPECT_EQ(maps[1].sizes().vec(), (std::vector<std::int64_t>{2, 32, 8, 12}));
  EXPECT_EQ(maps[2].sizes().vec(), (std::vector<std::int64_t>{2, 64, 4, 6}));
  EXPECT_EQ(maps[3].sizes().vec(), (std::vector<std::int64_t>{2, 128, 2, 3}));
}

TEST(ResNet18, WithoutClassesGivesPooledFeatures) {
  torch::NoGradGuard no_grad;
  ResNet18 net(
      {.in_channels = 2, .stem_kernel = 3, .stem_stride = 1, .stem_padding = 1, .width = 0.125});
  net.eval();
  const torch::Tensor images = torch::rand({3, 2, 40, 40});
  EXPECT_EQ(net.feature_size(), 64);
  EXPECT_TRUE(torch::equal(net.forward(images), net.stages(images)[3].mean({2, 3})));
}

TEST(BasicBlock, IsTheRectifiedSumOfBothPaths) {
  torch::NoGradGuard no_grad;
  BasicBlock block(4, 4, 1);
  block.eval();
  for (auto& parameter : block.named_parameters()) {
    if (parameter.key() == "conv2.weight") {
      parameter.value().zero_();
    }
  }
  const torch::Tensor input = torch::randn({1, 4, 5, 5});
  EXPECT_TRUE(torch::equal(block.forward(input), input.relu()));
}

TEST(ResNet18, RejectsImagesOfAnotherChannelCount) {
  ResNet18 net({.in_channels = 1, .width = 0.125});
  EXPECT_THROW(net.forward(torch::rand({1, 3, 64, 64})), ShapeError);
  EXPECT_THROW(ResNet18({.in_channels = 0}), ConfigError);
}

TEST(ScaledChannels, RoundsAndNeverVanishes) {
  EXPECT_EQ(scaled_channels(64, 0.25), 16);
  EXPECT_EQ(scaled_channels(16, 0.01), 1);
  EXPECT_EQ(scaled_channels(512, 1), 512);
}

}  // namespace
}  // namespace mmi::encoders
