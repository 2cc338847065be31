#include "mmi/models/codec/losses.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "mmi/base/errors.h"
#include "mmi/models/codec/code_usage.h"
#include "mmi/models/codec/discriminator.h"
#include "mmi/models/codec/scores.h"
#include "mmi/nn/state.h"

namespace mmi::models::codec {
namespace {

double item_norm(const torch::Tensor& gradient) {
  return gradient.flatten(1).norm(2, {1}).mean().item<double>();
}

TEST(Balancer, GradientsOfOneStepHaveTheirSharesAndAddUpToOne) {
  GradientBalancer balancer({{"small", 3}, {"large", 1}});
  const auto output = torch::randn({4, 1, 50}).requires_grad_();
  const auto a = torch::randn({4, 1, 50});
  const auto b = torch::randn({4, 1, 50});
  const auto small = (output * a).sum() * 1e-6;
  const auto large = (output * b).sum() * 1e6;
  balancer.forward({{"small", small}, {"large", large}}, output).backward();
  const auto expected = 0.75 * a / item_norm(a) + 0.25 * b / item_norm(b);
  EXPECT_TRUE(torch::allclose(output.grad(), expected, 1e-4, 1e-7));
}

TEST(Balancer, DividesByTheRunningMeanOfNorms) {
  GradientBalancer balancer({{"only", 2}}, 0.9);
  const auto weights = torch::ones({1, 1, 4});
  const auto gradient_of = [&](double size) {
    const auto output = torch::zeros({1, 1, 4}).requires_grad_();
    balancer.forward({{"only", (output * weights).sum() * size}}, output).backward();
    return item_norm(output.grad());
  };
  EXPECT_NEAR(gradient_of(1), 1, 1e-6);  // alone, its share is all
  // Norms were 2, then 6: their mean, the older one weighing 0.9.
  EXPECT_NEAR(gradient_of(3), 6 / ((0.9 * 2 + 6) / 1.9), 1e-5);
}

TEST(Balancer, AbsentLossesHaveNoShareAndUnknownOnesAreErrors) {
  GradientBalancer balancer({{"mel", 2}, {"adversarial", 4}});
  const auto output = torch::ones({2, 1, 8}).requires_grad_();
  const auto loss = output.square().sum();
  balancer.forward({{"mel", loss}}, output).backward();
  EXPECT_NEAR(item_norm(output.grad()), 1, 1e-6);
  EXPECT_THROW(balancer.forward({{"wave", loss}}, output), ConfigError);
}

TEST(Balancer, ItsMeansArePartOfTheState) {
  GradientBalancer balancer({{"mel", 2}, {"wave", 1}});
  const auto state = nn::state_of(balancer);
  ASSERT_EQ(state.size(), 2U);
  EXPECT_EQ(state[0].name, "sums");
  EXPECT_EQ(state[1].name, "counts");
}

TEST(MelLoss, IsZeroForTheSameSoundAndGrowsWithDistance) {
  torch::manual_seed(2);
  const MelLoss loss(16000);
  const auto truth = 0.1 * torch::randn({2, 1, 8000});
  const auto noise = torch::randn_like(truth);
  EXPECT_EQ(loss(truth, truth).item<float>(), 0);
  const double near = loss(truth + 0.01 * noise, truth).item<double>();
  const double far = loss(truth + 0.1 * noise, truth).item<double>();
  EXPECT_GT(near, 0);
  EXPECT_GT(far, 2 * near);
}

TEST(FeatureLoss, AveragesOverLayersThenDiscriminators) {
  const auto zeros = torch::zeros({2, 3});
  const auto ones = torch::ones({2, 3});
  const double loss =
      feature_loss({{zeros, zeros}, {zeros}}, {{ones, 3 * ones}, {5 * ones}}).item<double>();
  EXPECT_DOUBLE_EQ(loss, (2.0 + 5.0) / 2);
  EXPECT_THROW(feature_loss({{zeros}}, {}), ShapeError);
}

TEST(Discriminator, ShapesAreFramesByQuartersOfFrequencies) {
  Discriminator discriminator({.filters = 3, .windows = {512, 128}});
  const auto judged = discriminator.forward(torch::randn({2, 1, 4000}));
  ASSERT_EQ(judged.logits.size(), 2U);
  ASSERT_EQ(judged.features[0].size(), 5U);
  // 1 + (4000 - 512) / 128 frames of 257 bins, halved three times.
  EXPECT_EQ(judged.logits[0].sizes().vec(), (std::vector<std::int64_t>{2, 1, 28, 33}));
  EXPECT_EQ(judged.features[1][0].sizes().vec(), (std::vector<std::int64_t>{2, 3, 122, 65}));
}

TEST(CodeUsage, CountsDeadCodesAndWarnsOfACollapse) {
  CodeUsage usage(2, 64);
  const auto even = torch::arange(64).view({1, 1, 64});
  const auto one = torch::zeros({1, 1, 64}, torch::kInt64);
  for (int step = 0; step < 300; ++step) {
    usage.update(torch::cat({even, one}, 1), step);
  }
  EXPECT_NEAR(usage.perplexity()[0].item<double>(), 64, 1e-2);
  EXPECT_NEAR(usage.perplexity()[1].item<double>(), 1, 1e-3);
  EXPECT_EQ(usage.dead()[0].item<std::int64_t>(), 0);
  EXPECT_EQ(usage.dead()[1].item<std::int64_t>(), 63);
  EXPECT_EQ(usage.collapsed(), (std::vector<bool>{false, true}));
}

TEST(Scores, FollowTheirDefinitions) {
  torch::manual_seed(3);
  const auto truth = torch::randn({16000});
  const auto noise = torch::randn({16000});
  EXPECT_NEAR(si_sdr_db(truth + 0.1 * noise, truth), 20, 0.3);
  EXPECT_NEAR(si_sdr_db(5 * (truth + 0.1 * noise), truth), 20, 0.3);
  EXPECT_NEAR(snr_db(truth + 0.1 * noise, truth), 20, 0.3);
  EXPECT_NEAR(snr_db(0.5 * truth, truth), 20 * std::log10(2), 1e-3);
  EXPECT_NEAR(log_spectral_distance_db(0.5 * truth, truth), 20 * std::log10(2), 1e-2);
  EXPECT_NEAR(log_spectral_distance_db(truth, truth), 0, 1e-6);
}

}  // namespace
}  // namespace mmi::models::codec
