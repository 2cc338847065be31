#include "mmi/heads/gan.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "mmi/base/errors.h"

namespace mmi::heads {
namespace {

double softplus(double x) {
  return std::log1p(std::exp(x));
}

TEST(Gan, LossesAreThoseOfTheirPapers) {
  const std::vector<torch::Tensor> real = {torch::tensor({0.5, 2.0})};
  const std::vector<torch::Tensor> fake = {torch::tensor({-3.0, 0.25})};
  const auto d = [&](GanLoss loss) {
    return discriminator_loss({loss}, real, fake).item<double>();
  };
  const auto g = [&](GanLoss loss) { return generator_loss({loss}, fake).item<double>(); };
  EXPECT_NEAR(
      d(GanLoss::kLog),
      (softplus(-0.5) + softplus(-2)) / 2 + (softplus(-3) + softplus(0.25)) / 2,
      1e-6);
  EXPECT_NEAR(g(GanLoss::kLog), (softplus(3) + softplus(-0.25)) / 2, 1e-6);
  EXPECT_NEAR(d(GanLoss::kMse), (0.25 + 1) / 2 + (9 + 0.0625) / 2, 1e-6);
  EXPECT_NEAR(g(GanLoss::kMse), (16 + 0.5625) / 2, 1e-6);
  EXPECT_NEAR(d(GanLoss::kHinge), (0.5 + 0) / 2 + (0 + 1.25) / 2, 1e-6);
  EXPECT_NEAR(g(GanLoss::kHinge), (3 - 0.25) / 2, 1e-6);
}

TEST(Gan, ScalesCountAlikeWhateverTheirShapes) {
  const std::vector<torch::Tensor> fake = {torch::full({2, 1, 7}, -1.0), torch::full({3}, 5.0)};
  EXPECT_NEAR(generator_loss({GanLoss::kHinge}, fake).item<double>(), -2, 1e-6);
}

TEST(Gan, EachPairPullsBothWays) {
  for (const auto loss : {GanLoss::kLog, GanLoss::kMse, GanLoss::kHinge}) {
    auto real = torch::tensor({0.1}).requires_grad_();
    auto fake = torch::tensor({0.2}).requires_grad_();
    discriminator_loss({loss}, {real}, {fake}).backward();
    EXPECT_LT(real.grad().item<double>(), 0);  // real outputs rise
    EXPECT_GT(fake.grad().item<double>(), 0);
    fake.mutable_grad() = torch::Tensor();
    generator_loss({loss}, {fake}).backward();
    EXPECT_LT(fake.grad().item<double>(), 0);
  }
}

TEST(Gan, IsChosenByNameAndChecksItsInput) {
  auto node = config::Node::map();
  node.set("loss", config::Node::text("mse"));
  EXPECT_EQ(config::read<GanConfig>(node).loss, GanLoss::kMse);
  EXPECT_THROW(generator_loss({}, {}), ShapeError);
  EXPECT_THROW(discriminator_loss({}, {torch::zeros({1})}, {}), ShapeError);
}

}  // namespace
}  // namespace mmi::heads
