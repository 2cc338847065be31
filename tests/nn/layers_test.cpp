#include "mmi/nn/layers.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "mmi/nn/init_context.h"

namespace mmi::nn {
namespace {

TEST(InitContext, InnermostCountsAndOuterComesBack) {
  EXPECT_EQ(InitContext::current().device, torch::Device(torch::kCPU));
  {
    const InitContext meta({.device = torch::kMeta});
    {
      const InitContext half({.dtype = torch::kBFloat16});
      const Linear layer(2, 3);
      EXPECT_TRUE(layer.weight.is_cpu());
      EXPECT_EQ(layer.weight.scalar_type(), torch::kBFloat16);
    }
    // 4 TiB, if it took memory.
    const Linear layer(1 << 20, 1 << 20, true);
    EXPECT_TRUE(layer.weight.is_meta() && layer.bias.is_meta());
  }
  EXPECT_TRUE(Linear(2, 3).weight.is_cpu());
}

TEST(InitContext, DrawsOnlyWhenItShould) {
  torch::manual_seed(1);
  const auto next = torch::rand({1});
  torch::manual_seed(1);
  const InitContext context({.draw = false});
  const Linear linear(4, 4, true);
  const Embedding embedding(4, 4);
  EXPECT_TRUE(torch::rand({1}).equal(next));
  EXPECT_EQ(linear.bias.abs().sum().item<float>(), 0);
}

TEST(Linear, MultipliesByTheTransposedWeight) {
  Linear layer(3, 2, true);
  const torch::NoGradGuard no_grad;
  layer.weight.copy_(torch::tensor({{1.0, 2.0, 3.0}, {0.0, -1.0, 0.5}}));
  layer.bias.copy_(torch::tensor({10.0, 20.0}));
  const auto y = layer.forward(torch::tensor({{1.0F, 1.0F, 2.0F}}));
  EXPECT_TRUE(y.equal(torch::tensor({{19.0F, 20.0F}})));
}

TEST(Layers, ActivationsAreFloatOnACpuWhateverTheWeights) {
  const torch::NoGradGuard no_grad;
  const InitContext context({.dtype = torch::kBFloat16});
  Embedding embedding(5, 8);
  Linear linear(8, 4, true);
  RmsNorm rms(4);
  LayerNorm norm(4);
  const auto x = embedding.forward(torch::tensor({{1, 2}}, torch::kLong));
  EXPECT_EQ(x.scalar_type(), torch::kFloat);
  const auto y = linear.forward(x);
  EXPECT_EQ(y.scalar_type(), torch::kFloat);
  EXPECT_TRUE(y.allclose(at::linear(x, linear.weight.to(torch::kFloat)), 1e-6, 1e-6));
  EXPECT_EQ(rms.forward(y).scalar_type(), torch::kFloat);
  EXPECT_EQ(norm.forward(y).scalar_type(), torch::kFloat);
}

TEST(RmsNorm, DividesByTheRootMeanSquare) {
  const auto x = torch::tensor({{3.0F, 4.0F}});
  const double root = std::sqrt(12.5);
  const auto expected = torch::tensor({{3.0F, 4.0F}}) / root;
  EXPECT_TRUE(RmsNorm(2, 0).forward(x).allclose(expected));
  // Gemma's weight begins with zeros and counts from one.
  RmsNorm gemma(2, 0, true);
  EXPECT_TRUE(gemma.forward(x).allclose(expected));
  const torch::NoGradGuard no_grad;
  gemma.weight.fill_(1);
  EXPECT_TRUE(gemma.forward(x).allclose(2 * expected));
}

TEST(RmsNorm, WithoutGradientsTheResultIsTheSame) {
  for (const bool plus_one : {false, true}) {
    RmsNorm norm(37, 1e-6, plus_one);
    const auto x = torch::randn({3, 5, 37}).transpose(0, 1);
    const auto expected = norm.forward(x);
    const torch::NoGradGuard no_grad;
    EXPECT_TRUE(norm.forward(x).allclose(expected, 1e-6, 1e-6));
  }
}

TEST(LayerNorm, FewRowsWithoutGradientsAreTheSame) {
  torch::manual_seed(1);
  LayerNorm norm(100);
  const auto x = 5 + 3 * torch::randn({2, 3, 100});
  const auto expected = norm.forward(x).detach();
  const torch::NoGradGuard no_grad;
  EXPECT_LT((norm.forward(x) - expected).abs().max().item<float>(), 2e-6);
  EXPECT_TRUE(norm.forward(x.narrow(1, 1, 1)).equal(norm.forward(x).narrow(1, 1, 1)));
  EXPECT_TRUE(norm.forward(x.transpose(0, 1)).equal(norm.forward(x).transpose(0, 1)));
  EXPECT_TRUE(norm.forward(torch::full({1, 100}, NAN)).isnan().all().item<bool>());
}

TEST(RmsNorm, GradientReachesItsWeight) {
  RmsNorm norm(8);
  norm.forward(torch::randn({2, 8})).sum().backward();
  EXPECT_TRUE(norm.weight.grad().defined());
}

}  // namespace
}  // namespace mmi::nn
