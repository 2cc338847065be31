#include "mmi/nn/optimizer.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "mmi/base/errors.h"
#include "mmi/nn/schedule.h"

namespace mmi::nn {
namespace {

/// Ten steps of ours and of torch.optim on the same quadratic; returns the largest difference, as a
/// share of the largest weight.
template <class Theirs, class Options>
double difference(const OptimizerConfig& config, const Options& options) {
  torch::manual_seed(1);
  const torch::Tensor start = torch::randn({7, 5});
  const torch::Tensor target = torch::randn({7, 5});
  torch::Tensor ours = start.clone().requires_grad_();
  torch::Tensor theirs = start.clone().requires_grad_();
  Optimizer optimizer({{"w", ours}}, config);
  Theirs reference(std::vector<torch::Tensor>{theirs}, options);
  for (int step = 0; step < 10; ++step) {
    optimizer.zero_grad();
    torch::mse_loss(ours, target).backward();
    optimizer.step();
    reference.zero_grad();
    torch::mse_loss(theirs, target).backward();
    reference.step();
  }
  EXPECT_GT((ours - start).abs().max().item<double>(), 1e-3);
  return ((ours - theirs).abs().max() / theirs.abs().max()).item<double>();
}

TEST(Optimizer, AdamEqualsTorch) {
  OptimizerConfig config;
  config.lr = 3e-3;
  config.weight_decay = 0.1;
  EXPECT_LE(
      (difference<torch::optim::Adam>(config, torch::optim::AdamOptions(3e-3).weight_decay(0.1))),
      1e-7);
}

TEST(Optimizer, AdamWEqualsTorch) {
  OptimizerConfig config;
  config.name = OptimizerKind::kAdamW;
  config.lr = 3e-3;
  config.weight_decay = 0.1;
  EXPECT_LE(
      (difference<torch::optim::AdamW>(config, torch::optim::AdamWOptions(3e-3).weight_decay(0.1))),
      1e-7);
}

TEST(Optimizer, ContinuesExactlyFromItsState) {
  torch::manual_seed(2);
  const torch::Tensor start = torch::randn({4});
  const auto run = [&](int steps, Optimizer& optimizer, torch::Tensor& w) {
    for (int i = 0; i < steps; ++i) {
      optimizer.zero_grad();
      (w * w).sum().backward();
      optimizer.step();
    }
  };
  torch::Tensor a = start.clone().requires_grad_();
  Optimizer whole({{"w", a}}, {});
  run(6, whole, a);
  torch::Tensor b = start.clone().requires_grad_();
  Optimizer first({{"w", b}}, {});
  run(3, first, b);
  Optimizer second({{"w", b}}, {});
  second.load_state(first.state(), "test");
  run(3, second, b);
  EXPECT_TRUE(torch::equal(a, b));
  EXPECT_THROW(second.load_state({}, "empty"), CheckpointError);
}

TEST(Optimizer, ClipsTheJointNorm) {
  torch::Tensor a = torch::zeros({2}).requires_grad_();
  torch::Tensor b = torch::zeros({1}).requires_grad_();
  a.mutable_grad() = torch::tensor({3.0F, 0.0F});
  b.mutable_grad() = torch::tensor({4.0F});
  Optimizer optimizer({{"a", a}, {"b", b}}, {});
  EXPECT_NEAR(optimizer.clip_grad_norm(1.0), 5.0, 1e-6);
  EXPECT_NEAR(optimizer.clip_grad_norm(0), 1.0, 1e-5);
}

TEST(Schedule, CosineAndLinearFollowTheirFormulas) {
  ScheduleConfig config;
  config.name = ScheduleKind::kCosine;
  config.warmup_steps = 10;
  config.final_factor = 0.1;
  const Schedule cosine(config, 110);
  EXPECT_DOUBLE_EQ(cosine.factor(0), 0.1);
  EXPECT_DOUBLE_EQ(cosine.factor(9), 1.0);
  EXPECT_NEAR(cosine.factor(60), 0.55, 1e-12);
  EXPECT_NEAR(cosine.factor(110), 0.1, 1e-12);
  config.name = ScheduleKind::kLinear;
  EXPECT_NEAR(Schedule(config, 110).factor(60), 0.55, 1e-12);
}

TEST(Schedule, ExponentialFallsByTheSameRatioEachStep) {
  // xRIR: 0.1^(epoch / 50) over 200 epochs, here of 10 steps.
  ScheduleConfig config;
  config.name = ScheduleKind::kExponential;
  config.final_factor = 1e-4;
  const Schedule schedule(config, 2000);
  EXPECT_EQ(schedule.factor(0), 1);
  EXPECT_NEAR(schedule.factor(500), 0.1, 1e-12);
  EXPECT_NEAR(schedule.factor(2000), 1e-4, 1e-15);
  for (const std::int64_t step : {1, 700, 1999}) {
    EXPECT_NEAR(schedule.factor(step), std::pow(0.1, static_cast<double>(step) / 500), 1e-12);
  }
}

TEST(Schedule, StepMultipliesAfterEverySoManySteps) {
  ScheduleConfig config;
  config.name = ScheduleKind::kStep;
  config.factor = 0.98;
  config.every = 10000;
  const Schedule schedule(config, 500000);
  EXPECT_EQ(schedule.factor(9999), 1);
  EXPECT_DOUBLE_EQ(schedule.factor(10000), 0.98);
  EXPECT_DOUBLE_EQ(schedule.factor(39999), 0.98 * 0.98 * 0.98);
}

TEST(Schedule, PlateauDropsAfterMoreThanPatienceBadEpochsAndRemembersThem) {
  ScheduleConfig config;
  config.name = ScheduleKind::kPlateau;
  Schedule schedule(config, 100);
  schedule.end_epoch(1.0);
  schedule.end_epoch(1.0);
  schedule.end_epoch(1.0);
  EXPECT_EQ(schedule.factor(0), 1.0);
  Schedule resumed(config, 100);
  resumed.load_state(schedule.state());
  resumed.end_epoch(1.0);
  EXPECT_DOUBLE_EQ(resumed.factor(0), 0.1);
}

}  // namespace
}  // namespace mmi::nn
