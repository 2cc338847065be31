#include "mmi/codecs/quantizer.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace mmi::codecs {
namespace {

TEST(VectorQuantizer, FindsTheCentresOfClouds) {
  torch::manual_seed(3);
  const auto centres = torch::tensor({{0.0F, 0.0F}, {4.0F, 0.0F}, {0.0F, 4.0F}, {4.0F, 4.0F}});
  VectorQuantizer book(16, 2);
  EXPECT_FALSE(book.initialized());
  for (int step = 0; step < 60; ++step) {
    const auto points =
        centres.index_select(0, torch::randint(4, {200})) + 0.1 * torch::randn({200, 2});
    book.learn(points, book.encode(points));
  }
  EXPECT_TRUE(book.initialized());
  const auto nearest = torch::cdist(centres, book.embed()).amin(1);
  EXPECT_LT(nearest.max().item<float>(), 0.1);
}

TEST(VectorQuantizer, CodesThatNothingChoosesBeginAgain) {
  torch::manual_seed(3);
  CodebookTraining training;
  training.decay = 0.5;
  VectorQuantizer book(8, 2, training);
  book.initialize(torch::randn({100, 2}) + 50);
  // All vectors are elsewhere now: after some steps all codes have moved there.
  for (int step = 0; step < 12; ++step) {
    const auto points = torch::randn({100, 2});
    book.learn(points, book.encode(points));
  }
  EXPECT_LT(book.embed().abs().max().item<float>(), 5);
  const auto points = torch::randn({400, 2});
  EXPECT_GE(std::get<0>(at::_unique(book.encode(points))).numel(), 6);
}

TEST(VectorQuantizer, TheFirstOfEquallyNearCodesWins) {
  VectorQuantizer book(3, 1);
  for (auto& item : book.named_buffers()) {
    if (item.key() == "embed") {
      item.value().copy_(torch::tensor({{1.0F}, {-1.0F}, {1.0F}}));
    }
  }
  const auto codes = book.encode(torch::tensor({{0.0F}, {2.0F}, {-3.0F}}));
  EXPECT_TRUE(torch::equal(codes, torch::tensor({0, 0, 1}, torch::kInt64)));
}

TEST(ResidualQuantizer, EveryLevelCommits) {
  torch::manual_seed(3);
  ResidualQuantizer quantizer(3, 16, 4);
  quantizer.train();
  quantizer.forward(torch::randn({4, 4, 50}));
  // The gradient is that of the mean over levels of |x - (sum of the codes so far)|².
  const auto values = torch::randn({4, 4, 50}).requires_grad_();
  quantizer.eval();
  const Quantized made = quantizer.forward(values);
  made.commitment.backward();
  torch::Tensor expected = torch::zeros_like(values);
  const torch::NoGradGuard no_grad;
  for (std::int64_t level = 1; level <= 3; ++level) {
    const auto sum = quantizer.decode(made.codes.slice(1, 0, level));
    expected += 2 * (values - sum) / static_cast<double>(values.numel()) / 3;
  }
  EXPECT_LT((values.grad() - expected).abs().max().item<double>(), 1e-7);
}

TEST(ResidualQuantizer, GradientsPassStraightThrough) {
  torch::manual_seed(3);
  ResidualQuantizer quantizer(2, 16, 4);
  quantizer.forward(torch::randn({4, 4, 50}));  // places the codebooks
  quantizer.eval();
  const auto values = torch::randn({2, 4, 10}).requires_grad_();
  const Quantized made = quantizer.forward(values);
  EXPECT_TRUE(torch::equal(made.codes, quantizer.encode(values.detach())));
  EXPECT_LT((quantizer.decode(made.codes) - made.values).abs().max().item<double>(), 1e-6);
  made.values.pow(2).sum().backward();
  EXPECT_LT((values.grad() - 2 * made.values.detach()).abs().max().item<double>(), 1e-6);
}

TEST(ResidualQuantizer, MoreLevelsLeaveLess) {
  torch::manual_seed(3);
  ResidualQuantizer quantizer(4, 32, 8);
  quantizer.train();
  for (int step = 0; step < 30; ++step) {
    quantizer.forward(torch::randn({4, 8, 100}));
  }
  quantizer.eval();
  const auto values = torch::randn({4, 8, 100});
  const auto codes = quantizer.encode(values);
  double before = values.pow(2).mean().item<double>();
  for (std::int64_t level = 1; level <= 4; ++level) {
    const double left =
        (values - quantizer.decode(codes.slice(1, 0, level))).pow(2).mean().item<double>();
    EXPECT_LT(left, 0.85 * before) << level;
    before = left;
  }
  const Quantized made = quantizer.forward(values);
  EXPECT_GT(made.perplexity.min().item<double>(), 8);
  EXPECT_LE(made.perplexity.max().item<double>(), 32 + 1e-3);
}

}  // namespace
}  // namespace mmi::codecs
