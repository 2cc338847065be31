#include "mmi/nn/ema.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "mmi/base/errors.h"
#include "mmi/nn/autocast.h"
#include "mmi/nn/optimizer.h"

namespace mmi::nn {
namespace {

TEST(Ema, FollowsTheWeightsByItsDecay) {
  torch::nn::BatchNorm1d module(3);
  const torch::Tensor weight = module->weight;
  Ema ema(*module, {0.9, false});
  torch::Tensor expected = torch::ones({3});
  const torch::NoGradGuard no_grad;
  for (int step = 1; step <= 5; ++step) {
    module->weight.add_(1);
    module->running_mean.add_(2);
    ema.update(step);
    expected = 0.9 * expected + 0.1 * module->weight;
  }
  for (const auto& [name, tensor] : ema.state()) {
    if (name == "weight") {
      EXPECT_TRUE(torch::allclose(tensor, expected, 1e-6));
    } else if (name == "running_mean") {
      EXPECT_TRUE(torch::equal(tensor, module->running_mean));
    }
  }
}

TEST(Ema, WarmUpForgetsTheFirstWeights) {
  torch::nn::Linear module(1, 1);
  Ema ema(*module, {0.999, true});
  const torch::NoGradGuard no_grad;
  module->weight.fill_(5);
  ema.update(1);  // decay 2 / 11
  const double first = ema.state()[0].second.item<double>();
  ema.swap();
  EXPECT_DOUBLE_EQ(module->weight.item<double>(), first);
  ema.swap();
  EXPECT_EQ(module->weight.item<double>(), 5);
  EXPECT_GT(first, 3.5);
}

TEST(Optimizer, GroupsHaveRateAndDecayOfTheirOwn) {
  torch::manual_seed(1);
  const torch::Tensor start = torch::randn({4});
  const auto leaf = [&] { return start.clone().requires_grad_(); };
  torch::Tensor slow = leaf();
  torch::Tensor fast = leaf();
  torch::Tensor slow_alone = leaf();
  torch::Tensor fast_alone = leaf();
  OptimizerConfig config;
  config.name = OptimizerKind::kAdamW;
  config.weight_decay = 0.1;
  ParameterGroup group;
  group.parameters = {"slow"};
  group.lr_factor = 0.5;
  group.weight_decay = 0;
  Optimizer both({{"fast", fast}, {"slow", slow}}, config, {group});
  Optimizer first({{"fast", fast_alone}}, config);
  OptimizerConfig half = config;
  half.lr *= 0.5;
  half.weight_decay = 0;
  Optimizer second({{"slow", slow_alone}}, half);
  for (int step = 0; step < 4; ++step) {
    for (auto* optimizer : {&both, &first, &second}) {
      optimizer->zero_grad();
    }
    (slow.pow(2).sum() + fast.pow(2).sum()).backward();
    (slow_alone.pow(2).sum() + fast_alone.pow(2).sum()).backward();
    for (auto* optimizer : {&both, &first, &second}) {
      optimizer->step();
    }
  }
  EXPECT_TRUE(torch::equal(slow, slow_alone));
  EXPECT_TRUE(torch::equal(fast, fast_alone));
  EXPECT_EQ(both.describe().size(), 2U);
  ParameterGroup other = group;
  other.parameters = {"s*"};
  EXPECT_THROW(Optimizer({{"slow", slow}}, config, {group, other}), ConfigError);
}

TEST(Autocast, ProductsAreBfloat16InsideAndAsBeforeOutside) {
  const torch::Tensor x = torch::randn({8, 8});
  {
    const Autocast scope(torch::kCPU, true);
    EXPECT_EQ(x.matmul(x).scalar_type(), torch::kBFloat16);
  }
  EXPECT_EQ(x.matmul(x).scalar_type(), torch::kFloat32);
  const Autocast off(torch::kCPU, false);
  EXPECT_EQ(x.matmul(x).scalar_type(), torch::kFloat32);
}

}  // namespace
}  // namespace mmi::nn
