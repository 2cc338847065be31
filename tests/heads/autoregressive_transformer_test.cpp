#include "mmi/heads/autoregressive_transformer.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "mmi/base/errors.h"
#include "mmi/nn/state.h"

namespace mmi::heads {
namespace {

using nn::decoding::CodebookPattern;
using nn::decoding::PatternKind;

AutoregressiveTransformerConfig tiny(PatternKind pattern = PatternKind::kDelay) {
  AutoregressiveTransformerConfig config;
  config.dim = 32;
  config.heads = 2;
  config.layers = 2;
  config.decoding.pattern = pattern;
  config.decoding.sampling.top_k = 8;
  return config;
}

TokenHead::BuildArgs tiny_args() {
  return {
      .codebooks = 3,
      .entries = 20,
      .condition_features = 6,
      .codebook_rows = {},
      .device = torch::kCPU};
}

TEST(AutoregressiveTransformer, CachedEqualsUncached) {
  torch::manual_seed(1);
  const torch::NoGradGuard no_grad;
  for (const bool padded : {false, true}) {
    AutoregressiveTransformer net(tiny(), tiny_args());
    net.eval();
    TokenCondition condition{torch::randn({2, 5, 6}), {}};
    if (padded) {
      condition.mask = torch::tensor({{1, 1, 1, 1, 1}, {0, 0, 1, 1, 1}}).to(torch::kBool);
    }
    const auto columns = torch::randint(0, 21, {2, 3, 30}, torch::kLong);
    auto whole_cache = net.make_cache(2, 5, 30);
    const auto whole = net.step(condition, columns, whole_cache);
    auto cache = net.make_cache(2, 5, 30);
    std::vector<torch::Tensor> parts;
    for (std::int64_t at = 0; at < 30;) {
      const std::int64_t n = at == 0 ? 4 : (at == 4 ? 3 : 1);  // prefill, a few, one by one
      parts.push_back(net.step(condition, columns.narrow(2, at, n), cache));
      at += n;
    }
    EXPECT_LT((torch::cat(parts, 2) - whole).abs().max().item<double>(), 1e-5);
    // Cut back and go on: the same as having never gone further.
    cache.crop(5 + 20);
    const auto again = net.step(condition, columns.narrow(2, 20, 10), cache);
    EXPECT_LT((again - whole.narrow(2, 20, 10)).abs().max().item<double>(), 1e-5);
    // And without any cache, through the pattern.
    const CodebookPattern delay(PatternKind::kDelay, 3);
    const auto codes = torch::randint(0, 20, {2, 3, 10}, torch::kLong);
    auto fresh = net.make_cache(2, 5, 12);
    const auto stepped = net.step(condition, delay.weave(codes, 20).narrow(2, 0, 12), fresh);
    const auto forced = net.logits(condition, codes);
    for (std::int64_t k = 0; k < 3; ++k) {
      for (std::int64_t t = 0; t < 10; ++t) {
        const auto a = forced.select(1, k).select(1, t);
        const auto b = stepped.select(1, k).select(1, t + k);
        ASSERT_LT((a - b).abs().max().item<double>(), 1e-5);
      }
    }
  }
}

TEST(AutoregressiveTransformer, AppendingTokensNeverChangesEarlierLogits) {
  torch::manual_seed(2);
  const torch::NoGradGuard no_grad;
  AutoregressiveTransformer net(tiny(), tiny_args());
  net.eval();
  const TokenCondition condition{torch::randn({2, 4, 6}), {}};
  const auto logits_of = [&](const torch::Tensor& columns) {
    auto cache = net.make_cache(2, 4, columns.size(2));
    return net.step(condition, columns, cache);
  };
  const auto columns = torch::randint(0, 21, {2, 3, 20}, torch::kLong);
  const auto whole = logits_of(columns);
  for (const std::int64_t n : {1, 7, 19}) {
    const auto part = logits_of(columns.narrow(2, 0, n));
    EXPECT_LT((whole.narrow(2, 0, n) - part).abs().max().item<double>(), 1e-5) << n;
  }
  auto changed = columns.clone();
  changed.select(2, 12).add_(1).remainder_(21);
  const auto after = logits_of(changed);
  EXPECT_TRUE(torch::equal(whole.narrow(2, 0, 12), after.narrow(2, 0, 12)));
  EXPECT_GT(
      (whole.narrow(2, 12, 8) - after.narrow(2, 12, 8)).abs().amin(-1).max().item<double>(), 0);
}

TEST(AutoregressiveTransformer, PaddingOfTheConditionChangesNothing) {
  torch::manual_seed(3);
  const torch::NoGradGuard no_grad;
  AutoregressiveTransformer net(tiny(), tiny_args());
  net.eval();
  const auto codes = torch::randint(0, 20, {1, 3, 6}, torch::kLong);
  const auto features = torch::randn({1, 4, 6});
  const auto plain = net.logits({features, {}}, codes);
  const auto left = torch::cat({torch::full({1, 2, 6}, 9.F), features}, 1);
  const auto right = torch::cat({features, torch::full({1, 2, 6}, 9.F)}, 1);
  const auto real = torch::ones({1, 4}, torch::kBool);
  const auto none = torch::zeros({1, 2}, torch::kBool);
  const auto a = net.logits({left, torch::cat({none, real}, 1)}, codes);
  const auto b = net.logits({right, torch::cat({real, none}, 1)}, codes);
  EXPECT_LT((a - plain).abs().max().item<double>(), 1e-5);
  EXPECT_LT((b - plain).abs().max().item<double>(), 1e-5);
}

TEST(AutoregressiveTransformer, GenerationIsWhatTeacherForcingPredicts) {
  torch::manual_seed(4);
  auto config = tiny();
  config.decoding.sampling.temperature = 0;
  config.decoding.guidance = 1;
  AutoregressiveTransformer net(config, tiny_args());
  net.eval();
  const TokenCondition condition{torch::randn({2, 4, 6}), {}};
  const auto out = net.generate(condition, 9, {1, 2});
  EXPECT_EQ(out.passes, 11);
  const torch::NoGradGuard no_grad;
  EXPECT_TRUE(torch::equal(net.logits(condition, out.codes).argmax(3), out.codes));
}

TEST(AutoregressiveTransformer, GeneratesWithSeedsPromptsAndGuidance) {
  torch::manual_seed(5);
  for (const auto& [pattern, passes] :
       {std::pair{PatternKind::kDelay, 9},
        {PatternKind::kFlatten, 21},
        {PatternKind::kParallel, 7}}) {
    AutoregressiveTransformer net(tiny(pattern), tiny_args());
    net.eval();
    const TokenCondition condition{torch::randn({3, 4, 6}), {}};
    const auto prompt = torch::randint(0, 20, {3, 3, 2}, torch::kLong);
    const auto out = net.generate(condition, 9, {7, 8, 9}, prompt);
    EXPECT_EQ(out.passes, passes);
    EXPECT_TRUE(torch::equal(out.codes.narrow(2, 0, 2), prompt));
    for (std::int64_t b = 0; b < 3; ++b) {
      std::vector<std::int64_t> frames;
      const auto one = net.generate(
          {condition.features.narrow(0, b, 1), {}},
          9,
          {static_cast<std::uint64_t>(7 + b)},
          prompt.narrow(0, b, 1),
          [&](std::int64_t t, const torch::Tensor&) {
            frames.push_back(t);
            return true;
          });
      EXPECT_TRUE(torch::equal(one.codes[0], out.codes[b])) << b;
      EXPECT_EQ(frames, (std::vector<std::int64_t>{2, 3, 4, 5, 6, 7, 8}));
    }
  }
}

TEST(AutoregressiveTransformer, LearnsAndReachesEveryParameter) {
  torch::manual_seed(6);
  auto config = tiny();
  config.dropout = 0;
  AutoregressiveTransformer net(config, tiny_args());
  const auto codes = torch::randint(0, 20, {4, 3, 6}, torch::kLong);
  const TokenCondition condition{torch::randn({4, 2, 6}), {}};
  torch::optim::Adam adam(net.parameters(), torch::optim::AdamOptions(3e-3));
  double last = 0;
  for (std::uint64_t step = 0; step < 100; ++step) {
    adam.zero_grad();
    const auto loss = net.loss(condition, codes, Rng(step));
    loss.loss.backward();
    if (step == 0) {
      EXPECT_NEAR(loss.loss.item<double>(), std::log(20), 0.8);
      for (const auto& item : net.named_parameters()) {
        EXPECT_TRUE(item.value().grad().defined()) << item.key();
      }
    }
    adam.step();
    last = loss.loss.item<double>();
  }
  EXPECT_LT(last, 0.7);
}

}  // namespace
}  // namespace mmi::heads
