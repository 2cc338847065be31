#include "mmi/nn/decoding/sampling.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <set>

#include "mmi/base/errors.h"

namespace mmi::nn::decoding {
namespace {

torch::Tensor log_of(std::vector<float> probabilities) {
  return torch::tensor(probabilities).log().unsqueeze(0);
}

std::set<std::int64_t> kept(const torch::Tensor& logits) {
  const auto index = logits.isfinite().nonzero().select(1, 1).contiguous();
  const auto* first = index.const_data_ptr<std::int64_t>();
  return {first, first + index.numel()};
}

using Ids = std::set<std::int64_t>;

TEST(Sampling, TopPKeepsTheTokenThatCrosses) {
  const auto logits = log_of({0.5F, 0.05F, 0.3F, 0.15F});
  EXPECT_EQ(kept(keep_top_p(logits, 0.4)), (Ids{0}));
  EXPECT_EQ(kept(keep_top_p(logits, 0.6)), (Ids{0, 2}));
  EXPECT_EQ(kept(keep_top_p(logits, 0.81)), (Ids{0, 2, 3}));
  EXPECT_EQ(kept(keep_top_p(logits, 0.4, 3)), (Ids{0, 2, 3}));
  EXPECT_EQ(kept(keep_top_p(logits, 1)).size(), 4);
}

TEST(Sampling, TopKKeepsTies) {
  const auto logits = torch::tensor({{1.F, 3.F, 2.F, 2.F}});
  EXPECT_EQ(kept(keep_top_k(logits, 1)), (Ids{1}));
  EXPECT_EQ(kept(keep_top_k(logits, 2)), (Ids{1, 2, 3}));
  EXPECT_EQ(kept(keep_top_k(logits, 9)).size(), 4);
}

TEST(Sampling, TypicalLeavesOutTheMostProbableWhenItTellsTooLittle) {
  // Entropy 1.42 nats; informations 0.92, 1.20 and 2.30.
  const auto logits = log_of({0.4F, 0.3F, 0.1F, 0.1F, 0.1F});
  EXPECT_EQ(kept(keep_typical(logits, 0.25)), (Ids{1}));
  EXPECT_EQ(kept(keep_typical(logits, 0.65)), (Ids{0, 1}));
  EXPECT_EQ(kept(keep_typical(logits, 0.25, 2)), (Ids{0, 1}));
}

TEST(Sampling, RepetitionPenaltyMovesBothSignsDown) {
  const auto logits = torch::tensor({{2.F, -2.F, 1.F}});
  const auto seen = seen_tokens(torch::tensor({{0, 1, 7, -1}}), 3);
  const auto out = penalise_repetition(logits, seen, 2);
  EXPECT_TRUE(torch::equal(out, torch::tensor({{1.F, -4.F, 1.F}})));
}

TEST(Sampling, DrawsFollowTheFilteredDistribution) {
  // chi-square with 4 degrees of freedom: p > 0.01 below 13.28.
  const std::vector<double> p = {0.35, 0.25, 0.2, 0.15, 0.05};
  auto logits = torch::tensor(p).log().to(torch::kFloat);
  logits = torch::cat({logits, torch::full({3}, -20.F)}).unsqueeze(0);
  constexpr std::int64_t kDraws = 100000;
  SamplingConfig config;
  config.top_k = 5;
  std::vector<double> uniforms;
  for (std::uint64_t seed = 0; seed < kDraws; ++seed) {
    uniforms.push_back(uniform_draws(seed, "token", 3, 1)[0]);
  }
  const auto draw = sample_tokens(logits.expand({kDraws, 8}).contiguous(), config, uniforms);
  const auto counts = draw.tokens.bincount({}, 8);
  double chi2 = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double expected = p[i] * kDraws;
    const double got = counts[static_cast<std::int64_t>(i)].item<double>();
    chi2 += (got - expected) * (got - expected) / expected;
  }
  ::testing::Test::RecordProperty("chi2", format("{} 13.28", chi2));
  EXPECT_LT(chi2, 13.28);
  EXPECT_EQ(counts.narrow(0, 5, 3).sum().item<std::int64_t>(), 0);
  const auto expected_log = torch::tensor(p).log().to(torch::kFloat).index_select(0, draw.tokens);
  EXPECT_LT((draw.log_probability - expected_log).abs().max().item<double>(), 1e-5);
}

TEST(Sampling, ASampleDrawsTheSameInAnyBatch) {
  torch::manual_seed(3);
  const auto logits = torch::randn({3, 50});
  std::vector<double> together;
  for (std::uint64_t seed : {11, 12, 13}) {
    together.push_back(uniform_draws(seed, "token", 9, 1)[0]);
  }
  SamplingConfig config;
  config.top_p = 0.9;
  const auto all = sample_tokens(logits, config, together);
  for (std::int64_t i = 0; i < 3; ++i) {
    const auto one = sample_tokens(
        logits.narrow(0, i, 1), config, {together.data() + static_cast<std::size_t>(i), 1});
    EXPECT_EQ(one.tokens.item<std::int64_t>(), all.tokens[i].item<std::int64_t>());
  }
  EXPECT_NE(uniform_draws(11, "token", 9, 1), uniform_draws(11, "token", 10, 1));
  EXPECT_NE(uniform_draws(11, "token", 9, 1), uniform_draws(12, "token", 9, 1));
  EXPECT_NE(uniform_draws(11, "token", 9, 1), uniform_draws(11, "other", 9, 1));
}

TEST(Sampling, GumbelDrawsHaveTheirMeanAndVariance) {
  const auto draws = torch::tensor(gumbel_draws(5, "g", 0, 100000));
  EXPECT_NEAR(draws.mean().item<double>(), 0.5772, 0.015);
  EXPECT_NEAR(draws.var().item<double>(), 1.6449, 0.04);
}

TEST(Sampling, ExtremesOfTheUniformStayInside) {
  const auto logits = torch::tensor({{0.F, -INFINITY, 0.F, -INFINITY}});
  const std::vector<double> low = {0.0};
  const std::vector<double> high = {1.0 - 0x1p-53};
  EXPECT_EQ(draw_tokens(logits, low).tokens.item<std::int64_t>(), 0);
  EXPECT_EQ(draw_tokens(logits, high).tokens.item<std::int64_t>(), 2);
}

TEST(Sampling, TemperatureZeroIsTheFirstGreatest) {
  SamplingConfig config;
  config.temperature = 0;
  config.top_k = 1;
  const std::vector<double> u = {0.99};
  const auto draw = sample_tokens(torch::tensor({{1.F, 2.F, 0.F}}), config, u);
  EXPECT_EQ(draw.tokens.item<std::int64_t>(), 1);
  EXPECT_NEAR(draw.log_probability.item<double>(), -0.40760596, 1e-6);
}

TEST(Sampling, GuidanceSplitsTheBatchInTheMiddle) {
  const auto both = torch::tensor({{1.F}, {2.F}, {0.F}, {5.F}});
  EXPECT_TRUE(torch::equal(guide(both, 3), torch::tensor({{3.F}, {-4.F}})));
  EXPECT_TRUE(torch::equal(guide(both, 1), torch::tensor({{1.F}, {2.F}})));
  EXPECT_THROW(guide(both.narrow(0, 0, 3), 3), ShapeError);
}

TEST(Sampling, WrongInputIsAnError) {
  const auto logits = torch::zeros({2, 4});
  const std::vector<double> one = {0.5};
  EXPECT_THROW(draw_tokens(logits, one), ShapeError);
  EXPECT_THROW(keep_top_k(torch::zeros({4}), 1), ShapeError);
  EXPECT_THROW(keep_top_p(logits, 0), ConfigError);
  EXPECT_THROW(penalise_repetition(logits, {}, 2), ShapeError);
  EXPECT_THROW(draw_tokens(torch::full({1, 3}, -INFINITY), one), NumericError);
  EXPECT_THROW(draw_tokens(torch::full({1, 3}, NAN), one), NumericError);
}

}  // namespace
}  // namespace mmi::nn::decoding
