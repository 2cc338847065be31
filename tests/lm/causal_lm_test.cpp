#include "mmi/lm/causal_lm.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <thread>

#include "lm/tiny.h"
#include "mmi/base/errors.h"
#include "mmi/nn/autocast.h"
#include "mmi/nn/init_context.h"
#include "mmi/nn/state.h"

namespace mmi::lm {
namespace {

double difference(const torch::Tensor& a, const torch::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

class EveryFamily : public testing::TestWithParam<std::string> {
 protected:
  std::shared_ptr<CausalLm> model = tiny(GetParam());
  torch::NoGradGuard no_grad;
};

INSTANTIATE_TEST_SUITE_P(CausalLm, EveryFamily, testing::ValuesIn(families()));

TEST_P(EveryFamily, CachedIsUncached) {
  const auto ids = some_ids(2, 12);
  const auto whole = model->forward(ids);
  ASSERT_EQ(whole.sizes(), (std::vector<std::int64_t>{2, 12, 50}));
  ASSERT_GT(whole.std().item<double>(), 0.1);
  // A beginning, single tokens, several at once.
  auto cache = model->make_cache(2, 12);
  std::vector<torch::Tensor> parts;
  for (const auto& [from, n] : {std::pair{0, 5}, {5, 1}, {6, 1}, {7, 4}, {11, 1}}) {
    parts.push_back(model->forward(ids.narrow(1, from, n), {.cache = &cache}));
  }
  EXPECT_LT(difference(torch::cat(parts, 1), whole), 1e-5);
}

TEST_P(EveryFamily, CachedIsUncachedUnderAutocast) {
  const auto ids = some_ids(2, 6);
  const auto exact = model->forward(ids);
  const nn::Autocast autocast(torch::kCPU, true);
  auto cache = model->make_cache(2, 6);
  std::vector<torch::Tensor> parts;
  for (std::int64_t at = 0; at < 6; ++at) {
    parts.push_back(model->forward(ids.narrow(1, at, 1), {.cache = &cache}));
  }
  const auto cached = torch::cat(parts, 1);
  EXPECT_GT(difference(cached, exact), 0);  // bfloat16 it is
  // Both are off by what bfloat16 rounds away.
  const auto error = (model->forward(ids) - exact).norm().item<double>();
  EXPECT_LT((cached - exact).norm().item<double>(), 2 * error);
}

TEST_P(EveryFamily, AMaskOfAnotherShapeIsRefused) {
  const auto ids = some_ids(2, 4);
  for (const std::int64_t n : {3, 5}) {
    const auto real = torch::ones({2, n}, torch::kBool);
    auto cache = model->make_cache(2, 8);
    EXPECT_THROW(model->forward(ids, {.cache = &cache, .real = real}), ShapeError);
    EXPECT_THROW(model->forward(ids, {.real = real}), ShapeError);
  }
}

TEST_P(EveryFamily, WhatComesLaterChangesNothingBefore) {
  const auto ids = some_ids(1, 12);
  const auto whole = model->forward(ids);
  for (const std::int64_t n : {1, 2, 5, 11}) {
    EXPECT_LT(difference(model->forward(ids.narrow(1, 0, n)), whole.narrow(1, 0, n)), 1e-5) << n;
  }
}

TEST_P(EveryFamily, PaddingOnTheLeftChangesNothing) {
  const auto ids = some_ids(3, 9);
  const std::vector<std::int64_t> padding{0, 3, 8};
  auto real = torch::ones({3, 9}, torch::kBool);
  for (std::int64_t b = 0; b < 3; ++b) {
    real[b].narrow(0, 0, padding[b]).fill_(false);
  }
  auto cache = model->make_cache(3, 12);
  const auto batch = model->forward(ids, {.cache = &cache, .real = real});
  const auto uncached = model->forward(ids, {.real = real});
  const auto next = some_ids(3, 3);
  const auto two = model->forward(next.narrow(1, 0, 2), {.cache = &cache});
  const auto last = model->forward(next.narrow(1, 2, 1), {.cache = &cache});
  for (std::int64_t b = 0; b < 3; ++b) {
    const std::int64_t n = 9 - padding[b];
    const auto alone = torch::cat({ids[b].narrow(0, padding[b], n), next[b]}).unsqueeze(0);
    const auto expected = model->forward(alone)[0];
    EXPECT_LT(difference(batch[b].narrow(0, padding[b], n), expected.narrow(0, 0, n)), 1e-5) << b;
    EXPECT_LT(difference(uncached[b].narrow(0, padding[b], n), expected.narrow(0, 0, n)), 1e-5);
    EXPECT_LT(difference(two[b], expected.narrow(0, n, 2)), 1e-5) << b;
    EXPECT_LT(difference(last[b], expected.narrow(0, n + 2, 1)), 1e-5) << b;
  }
}

TEST_P(EveryFamily, GradientsReachEveryParameterAndTheValueIsTheSame) {
  const auto ids = some_ids(2, 7);
  const auto expected = model->forward(ids);
  const torch::AutoGradMode on(true);
  const auto logits = model->forward(ids);
  EXPECT_LT(difference(logits.detach(), expected), 1e-5);
  logits.square().mean().backward();
  for (const auto& item : model->named_parameters()) {
    ASSERT_TRUE(item.value().grad().defined()) << item.key();
    EXPECT_GT(item.value().grad().abs().max().item<double>(), 0) << item.key();
  }
}

TEST_P(EveryFamily, EmbeddingsStandForIds) {
  const auto ids = some_ids(2, 6);
  EXPECT_LT(difference(model->forward(model->embed(ids)), model->forward(ids)), 1e-6);
  EXPECT_EQ(model->embedding_scale() > 1, GetParam().starts_with("gemma"));
}

TEST_P(EveryFamily, LastOnlyIsTheLast) {
  const auto ids = some_ids(2, 6);
  const auto last = model->forward(ids, {.last_only = true});
  EXPECT_LT(difference(last, model->forward(ids).narrow(1, 5, 1)), 1e-6);
}

TEST(CausalLm, HeadsOfAnyWidthAreReadWhereverTheyLie) {
  const torch::NoGradGuard no_grad;
  for (const std::int64_t width : {20, 24, 68, 72, 100}) {
    auto config = tiny_config("llama");
    config.head_dim = width;
    CausalLm model(config);
    const auto ids = some_ids(1, 6);
    auto cache = model.make_cache(1, 6);
    torch::Tensor last;
    for (std::int64_t i = 0; i < 6; ++i) {
      last = model.forward(ids.narrow(1, i, 1), {.cache = &cache});
    }
    EXPECT_LT(difference(last, model.forward(ids).narrow(1, 5, 1)), 1e-5) << width;
  }
}

TEST(CausalLm, AWindowHidesWhatIsFarAway) {
  const torch::NoGradGuard no_grad;
  CausalLmConfig config = tiny_config("mistral");
  config.layers = 1;
  torch::manual_seed(3);
  CausalLm model(config);
  auto ids = some_ids(1, 12);
  const auto before = model.forward(ids);
  ids[0][0] = (ids[0][0] + 1) % 50;
  const auto after = model.forward(ids);
  // One layer with a window of 5 sees itself and four before.
  EXPECT_GT(difference(before.narrow(1, 4, 1), after.narrow(1, 4, 1)), 1e-4);
  EXPECT_EQ(difference(before.narrow(1, 5, 7), after.narrow(1, 5, 7)), 0);
}

TEST(CausalLm, HalfPrecisionWeightsGiveFloatLogitsOnACpu) {
  const torch::NoGradGuard no_grad;
  for (const auto& family : families()) {
    const auto model = tiny(family);
    const nn::InitContext half({.dtype = torch::kBFloat16, .draw = false});
    CausalLm small(tiny_config(family));
    nn::NamedTensors rounded;
    for (const auto& entry : nn::state_of(*model)) {
      rounded.emplace_back(entry.name, entry.tensor.to(torch::kBFloat16));
      entry.tensor.copy_(rounded.back().second);
    }
    nn::load_state(small, rounded, "test");
    const auto ids = some_ids(1, 6);
    const auto logits = small.forward(ids);
    EXPECT_EQ(logits.scalar_type(), torch::kFloat);
    // Gemma's factor is rounded with the weights.
    const double tolerance = family.starts_with("gemma") ? 0.1 : 1e-4;
    EXPECT_LT(difference(logits, model->forward(ids)), tolerance) << family;
  }
}

TEST(CausalLm, SevenBillionOnMetaTakesNoMemory) {
  const nn::InitContext meta({.device = torch::kMeta});
  const CausalLm model(published("llama-7b"));
  for (const auto& entry : nn::state_of(model)) {
    EXPECT_TRUE(entry.tensor.is_meta()) << entry.name;
  }
  EXPECT_EQ(nn::state_of(model).size(), 291U);
}

TEST(CausalLm, WrongInputIsSaid) {
  const auto model = tiny("llama");
  EXPECT_THROW(model->forward(torch::zeros({1, 3}, torch::kInt)), ShapeError);
  EXPECT_THROW(model->forward(torch::zeros({1, 3, 31})), ShapeError);
  EXPECT_THROW(model->forward(torch::zeros({1, 0}, torch::kLong)), ShapeError);
  EXPECT_THROW(model->forward(torch::zeros({1, 65}, torch::kLong)), ConfigError);
  auto cache = model->make_cache(1, 10);
  const auto ids = some_ids(1, 2);
  model->forward(ids, {.cache = &cache});
  EXPECT_THROW(
      model->forward(ids, {.cache = &cache, .real = torch::ones({1, 2}, torch::kBool)}),
      ConfigError);
}

TEST(CausalLm, MayBeUsedByManyThreads) {
  const auto model = tiny("gemma3_text");
  const auto ids = some_ids(1, 30);
  std::vector<torch::Tensor> results(8);
  std::vector<std::thread> threads;
  for (auto& result : results) {
    threads.emplace_back([&] {
      const torch::NoGradGuard no_grad;
      result = model->forward(ids);
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  for (const auto& result : results) {
    EXPECT_TRUE(result.equal(results[0]));
  }
}

}  // namespace
}  // namespace mmi::lm
