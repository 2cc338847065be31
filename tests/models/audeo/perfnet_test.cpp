#include "mmi/models/audeo/perfnet.h"

#include <gtest/gtest.h>

#include "mmi/base/errors.h"
#include "mmi/nn/state.h"

namespace mmi::models::audeo {
namespace {

PerfNetConfig small(std::int64_t bins = 65) {
  return {.width = 1.0 / 64, .bins = bins};
}

TEST(PerfNet, CropsItsLongerOutputToTheScore) {
  const torch::NoGradGuard no_grad;
  PerfNet net(small());
  for (std::int64_t frames : {32, 33, 47, 100, 124, 125, 126, 127, 250, 860}) {
    const torch::Tensor score = torch::rand({2, 128, frames});
    EXPECT_EQ(net.forward(score, score).sizes().vec(), (std::vector<std::int64_t>{2, 65, frames}));
  }
  // The up kernels give exactly the published length, 860.
  EXPECT_EQ(
      net.activations(torch::rand({1, 128, 860}), torch::rand({1, 128, 860})).up[3].size(2), 860);
  EXPECT_EQ(
      net.activations(torch::rand({1, 128, 250}), torch::rand({1, 128, 250})).up[3].size(2), 252);
}

TEST(PerfNet, HearsScoreAndOnsets) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(1);
  PerfNet net(small());
  const torch::Tensor score = torch::rand({1, 128, 64});
  const torch::Tensor quiet = torch::zeros({1, 128, 64});
  const torch::Tensor base = net.forward(score, quiet);
  EXPECT_GT((net.forward(score.flip(1), quiet) - base).abs().max().item<float>(), 1e-3);
  EXPECT_GT((net.forward(score, score) - base).abs().max().item<float>(), 1e-3);
}

TEST(PerfNet, RefusesOtherShapes) {
  PerfNet net(small());
  EXPECT_THROW(net.forward(torch::zeros({1, 88, 64}), torch::zeros({1, 88, 64})), ShapeError);
  EXPECT_THROW(net.forward(torch::zeros({1, 128, 31}), torch::zeros({1, 128, 31})), ShapeError);
  EXPECT_THROW(net.forward(torch::zeros({1, 128, 64}), torch::zeros({1, 128, 65})), ShapeError);
  EXPECT_THROW(PerfNet({.width = 0.01}), ConfigError);
}

TEST(MultiBandResidual, WithoutWeightsDoublesItsInput) {
  const torch::NoGradGuard no_grad;
  MultiBandResidual block(32, 4);
  for (auto& parameter : block.parameters()) {
    parameter.zero_();
  }
  const torch::Tensor x = torch::rand({2, 32, 20});
  EXPECT_TRUE(torch::equal(block.forward(x), 2 * x));
}

// Each band by a convolution of its own, as the published code does.
TEST(MultiBandResidual, IsTwiceItsInputAndEachBandsResidual) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(2);
  constexpr std::int64_t kBands = 4;
  MultiBandResidual block(32, kBands);
  const torch::Tensor x = torch::randn({2, 32, 20});
  const auto state = block.named_parameters();
  std::vector<torch::Tensor> bands = x.chunk(kBands, 1);
  for (std::int64_t i = 0; i < kBands; ++i) {
    const auto conv = [&](const std::string& list, const torch::Tensor& in) {
      const std::string key = list + "." + std::to_string(i);
      return torch::instance_norm(
          torch::conv1d(in, state[key + ".weight"], state[key + ".bias"], 1, 1),
          {},
          {},
          {},
          {},
          true,
          0,
          1e-5,
          false);
    };
    torch::Tensor& band = bands[static_cast<std::size_t>(i)];
    band = band + conv("conv_list2", torch::leaky_relu(conv("conv_list1", band), 0.01));
  }
  EXPECT_TRUE(torch::allclose(block.forward(x), x + torch::cat(bands, 1), 1e-5, 1e-5));
}

}  // namespace
}  // namespace mmi::models::audeo
