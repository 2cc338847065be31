#include "mmi/lm/generate.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <limits>

#include "lm/tiny.h"
#include "mmi/base/errors.h"

namespace mmi::lm {
namespace {

using Ids = std::vector<std::int64_t>;

Ids list_of(const torch::Tensor& ids) {
  return {ids.const_data_ptr<std::int64_t>(), ids.const_data_ptr<std::int64_t>() + ids.numel()};
}

/// Token by token, everything computed anew.
Ids by_hand(CausalLm& model, Ids ids, std::int64_t count) {
  const torch::NoGradGuard no_grad;
  const std::size_t before = ids.size();
  for (std::int64_t i = 0; i < count; ++i) {
    const auto logits = model.forward(torch::tensor(ids, torch::kLong).unsqueeze(0));
    ids.push_back(logits[0][-1].argmax().item<std::int64_t>());
  }
  return {ids.begin() + static_cast<std::ptrdiff_t>(before), ids.end()};
}

TEST(Generate, GreedyIsTheMostProbableTokenOfEachStep) {
  for (const auto& family : families()) {
    const auto model = tiny(family);
    const Ids prompt = list_of(some_ids(1, 7));
    const auto made = generate(*model, {.prompts = {{prompt}}, .max_new_tokens = 20});
    EXPECT_EQ(made.ids, std::vector<Ids>{by_hand(*model, prompt, 20)}) << family;
    EXPECT_EQ(made.passes, 20);
  }
}

TEST(Generate, ABatchIsItsSingles) {
  const auto model = tiny("gemma3_text");
  GenerateRequest request;
  for (const std::int64_t n : {3, 9, 1, 6}) {
    request.prompts.push_back({list_of(some_ids(1, n))});
  }
  request.max_new_tokens = 15;
  request.seeds = {4, 5, 6, 4};
  request.sampling = {.repetition_penalty = 1.2, .temperature = 0.9, .top_k = 20, .top_p = 0.9};
  const auto batch = generate(*model, request);
  for (std::size_t i = 0; i < request.prompts.size(); ++i) {
    GenerateRequest alone = request;
    alone.prompts = {request.prompts[i]};
    alone.seeds = {request.seeds[i]};
    EXPECT_EQ(generate(*model, alone).ids[0], batch.ids[i]) << i;
  }
  request.seeds = {14, 15, 16, 14};
  EXPECT_NE(generate(*model, request).ids, batch.ids);
}

TEST(Generate, EmbeddingsStandInFrontOfIds) {
  const torch::NoGradGuard no_grad;
  for (const auto* family : {"llama", "gemma"}) {
    const auto model = tiny(family);
    const auto ids = some_ids(1, 8);
    const auto vectors = model->embed(ids)[0];
    const Ids all = list_of(ids);
    const Ids expected = by_hand(*model, all, 10);
    // Five vectors and three ids, ids alone, vectors alone.
    const auto made = generate(
        *model,
        {.prompts = {{{all.begin() + 5, all.end()}, vectors.narrow(0, 0, 5)}, {all}, {{}, vectors}},
         .max_new_tokens = 10});
    EXPECT_EQ(made.ids, (std::vector<Ids>{expected, expected, expected})) << family;
    const auto alone = generate(*model, {.prompts = {{{}, vectors}}, .max_new_tokens = 10});
    EXPECT_EQ(alone.ids, std::vector<Ids>{expected}) << family;
  }
}

TEST(Generate, StopIdsEndATextAndTheCallerSeesEachToken) {
  const auto model = tiny("llama");
  const Ids first = list_of(some_ids(1, 4));
  const Ids second = list_of(some_ids(1, 6));
  const Ids full = by_hand(*model, first, 12);
  const Ids other = by_hand(*model, second, 12);
  const std::int64_t stop = full[3];
  std::vector<Ids> steps;
  GenerateRequest request{.prompts = {{first}, {second}}, .max_new_tokens = 12, .stop_ids = {stop}};
  request.on_token = [&](const Ids& ids) {
    steps.push_back(ids);
    return true;
  };
  const auto made = generate(*model, request);
  const auto until_stop = [&](const Ids& ids) {
    const auto at = std::find(ids.begin(), ids.end(), stop);
    return Ids(ids.begin(), at == ids.end() ? at : at + 1);
  };
  EXPECT_EQ(made.ids, (std::vector<Ids>{until_stop(full), until_stop(other)}));
  ASSERT_EQ(steps.size(), std::max(made.ids[0].size(), made.ids[1].size()));
  for (std::size_t t = 0; t < steps.size(); ++t) {
    for (std::size_t b = 0; b < 2; ++b) {
      EXPECT_EQ(steps[t][b], t < made.ids[b].size() ? made.ids[b][t] : -1);
    }
  }
  request.on_token = [](const Ids&) { return false; };
  EXPECT_EQ(generate(*model, request).ids[1].size(), 1U);
}

TEST(Generate, FaultsAreOneSentence) {
  const auto model = tiny("llama");
  const Ids prompt = list_of(some_ids(1, 60));
  EXPECT_THROW(generate(*model, {}), ConfigError);
  EXPECT_THROW(generate(*model, {.prompts = {{}}}), ConfigError);
  EXPECT_THROW(generate(*model, {.prompts = {{{50}}}, .max_new_tokens = 2}), ConfigError);
  EXPECT_THROW(model->embed(torch::full({1, 1}, 50, torch::kLong)), ConfigError);
  EXPECT_THROW(generate(*model, {.prompts = {{{-1}}}, .max_new_tokens = 2}), ConfigError);
  EXPECT_THROW(generate(*model, {.prompts = {{prompt}}, .seeds = {1, 2}}), ConfigError);
  EXPECT_THROW(
      generate(*model, {.prompts = {{{}, torch::zeros({2, 31})}}, .max_new_tokens = 2}),
      ShapeError);
  EXPECT_NO_THROW(generate(*model, {.prompts = {{prompt}}, .max_new_tokens = 4}));
  try {
    generate(*model, {.prompts = {{prompt}}, .max_new_tokens = 5});
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_STREQ(
        error.what(), "prompt 0 has 60 tokens, which with 5 new ones is beyond the context of 64");
  }
}

TEST(Generate, NanIsAnErrorWhereverItArises) {
  const torch::NoGradGuard no_grad;
  const Ids prompt = list_of(some_ids(1, 5));
  for (const auto* name : {"model.norm.weight", "model.layers.1.self_attn.v_proj.weight"}) {
    const auto model = tiny("llama");
    model->named_parameters()[name].flatten()[0] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_THROW(generate(*model, {.prompts = {{prompt}}, .max_new_tokens = 4}), NumericError);
  }
  // In a step behind the prompt, too: of a token that the prompt lacks.
  const auto model = tiny("llama");
  const Ids next = generate(*model, {.prompts = {{prompt}}, .max_new_tokens = 1}).ids[0];
  ASSERT_EQ(std::find(prompt.begin(), prompt.end(), next[0]), prompt.end());
  model->named_parameters()["model.embed_tokens.weight"][next[0]].fill_(
      std::numeric_limits<float>::quiet_NaN());
  EXPECT_THROW(generate(*model, {.prompts = {{prompt}}, .max_new_tokens = 4}), NumericError);
}

}  // namespace
}  // namespace mmi::lm
