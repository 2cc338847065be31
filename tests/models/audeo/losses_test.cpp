#include <gtest/gtest.h>

#include <cmath>

#include "mmi/base/errors.h"
#include "mmi/models/audeo/losses.h"
#include "mmi/models/audeo/roll2midi.h"

namespace mmi::models::audeo {
namespace {

TEST(BceLoss, IsTheMeanOverAllElements) {
  const torch::Tensor logits = torch::tensor({{0.0, 2.0}, {-1.0, 3.0}});
  const torch::Tensor targets = torch::tensor({{1, 0}, {0, 1}}, torch::kByte);
  const auto softplus = [](double x) { return std::log1p(std::exp(x)); };
  const double expected = (softplus(0) + softplus(2) + softplus(-1) + softplus(-3)) / 4;
  EXPECT_NEAR(bce_loss(logits, targets).item<double>(), expected, 1e-6);
  EXPECT_THROW(bce_loss(logits, targets[0]), ShapeError);
}

TEST(SoftF1Loss, CountsProbabilitiesPerKey) {
  // Probabilities 0.5 and 0.75 of key 0, 0.25 and 0.5 of key 1.
  const torch::Tensor p = torch::tensor({{0.5, 0.25}, {0.75, 0.5}}, torch::kDouble);
  const torch::Tensor truth = torch::tensor({{1, 0}, {0, 0}});
  const double key0 = (2 * 0.5 + 1) / (1.25 + 1 + 1);
  const double key1 = 1 / (0.75 + 0 + 1);
  EXPECT_NEAR(soft_f1_loss(p.logit(), truth).item<double>(), 1 - (key0 + key1) / 2, 1e-12);
}

TEST(SoftF1Loss, IsNearZeroWhenRight) {
  const torch::Tensor truth = torch::tensor({{1, 0, 1}, {0, 0, 1}});
  EXPECT_LT(soft_f1_loss(truth.to(torch::kFloat) * 40 - 20, truth).item<double>(), 1e-6);
}

TEST(GanLoss, WeighsAdversarialAndReconstructionAsPublished) {
  const torch::Tensor patch = torch::full({2, 1, 7, 13}, 0.25);
  const torch::Tensor fake = torch::full({2, 1, 51, 100}, 0.5);
  const torch::Tensor truth = torch::ones({2, 1, 51, 100});
  EXPECT_NEAR(
      generator_loss(patch, fake, truth).item<double>(), 0.001 * 0.5625 + 0.999 * 0.25, 1e-6);
  EXPECT_NEAR(
      discriminator_loss(torch::full_like(patch, 0.5), patch).item<double>(),
      0.5 * (0.25 + 0.0625),
      1e-6);
}

// The published code trained the generator without its adversarial term for months (issue 1 there).
TEST(GanLoss, ReachesTheGeneratorThroughTheDiscriminator) {
  torch::manual_seed(1);
  Roll2MidiGenerator generator({.width = 0.0625});
  Roll2MidiDiscriminator discriminator({.width = 0.125});
  for (auto& parameter : discriminator.parameters()) {
    parameter.set_requires_grad(false);
  }
  const torch::Tensor fake = generator.forward(torch::rand({2, 1, 51, 40}));
  generator_loss(discriminator.forward(fake), fake, torch::zeros_like(fake), {1, 0}).backward();
  for (const auto& entry : generator.named_parameters()) {
    ASSERT_TRUE(entry.value().grad().defined()) << entry.key();
    EXPECT_GT(entry.value().grad().abs().max().item<double>(), 0) << entry.key();
  }
}

TEST(GanLoss, DiscriminatorStepLeavesTheGeneratorAlone) {
  Roll2MidiGenerator generator({.width = 0.0625});
  Roll2MidiDiscriminator discriminator({.width = 0.125});
  const torch::Tensor roll = torch::rand({2, 1, 51, 40});
  const torch::Tensor fake = generator.forward(roll);
  discriminator_loss(discriminator.forward(roll), discriminator.forward(fake.detach())).backward();
  for (const auto& parameter : generator.parameters()) {
    EXPECT_FALSE(parameter.grad().defined());
  }
  EXPECT_TRUE(discriminator.parameters()[0].grad().defined());
}

}  // namespace
}  // namespace mmi::models::audeo
