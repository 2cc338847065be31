#include "mmi/heads/head.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "mmi/base/errors.h"
#include "mmi/heads/token_head.h"
#include "mmi/nn/state.h"

namespace mmi::heads {
namespace {

void register_once() {
  [[maybe_unused]] static const bool done = (register_heads(), true);
}

TEST(Head, LinearIsALinearLayerAtEveryTime) {
  register_once();
  const auto head = Registry<Head>::get().create(
      config::component<Head>("linear"), {.in_features = 3, .out_features = 5});
  const auto state = nn::state_of(*head);
  ASSERT_EQ(state.size(), 2);
  EXPECT_EQ(state[0].name, "weight");
  EXPECT_EQ(state[1].name, "bias");
  const torch::Tensor features = torch::rand({2, 4, 3});
  const torch::Tensor expected = torch::matmul(features, state[0].tensor.t()) + state[1].tensor;
  EXPECT_TRUE(torch::allclose(head->forward(features), expected, 1e-6, 1e-6));
}

TEST(Head, AnUnknownNameNamesTheNearest) {
  register_once();
  EXPECT_THROW(config::component<Head>("linaer"), ConfigError);
}

TEST(TokenHead, MaskedAndAutoregressiveAreOneNameApart) {
  register_once();
  const TokenHead::BuildArgs args = {
      .codebooks = 3,
      .entries = 20,
      .condition_features = 6,
      .codebook_rows = {},
      .device = torch::kCPU};
  for (const char* text : {"masked_transformer", "autoregressive_transformer"}) {
    auto node = config::Node::map();
    node.set("name", config::Node::text(text));
    node.set("dim", config::Node::integer(32));
    node.set("heads", config::Node::integer(2));
    config::Component<TokenHead> component;
    config::Problems problems;
    Registry<TokenHead>::get().read_component(component.name, component.config, node, "", problems);
    problems.throw_if_any();
    const auto head = Registry<TokenHead>::get().create(component, args);
    head->eval();
    const TokenCondition condition{torch::randn({1, 4, 6}), {}};
    EXPECT_EQ(head->generate(condition, 5, {1}).codes.sizes(), c10::IntArrayRef({1, 3, 5})) << text;
    const auto codes = torch::randint(0, 20, {2, 3, 4}, torch::kLong);
    const TokenCondition two{torch::randn({2, 4, 6}), {}};
    EXPECT_EQ(head->loss(two, codes, Rng(1)).entropy.sizes(), c10::IntArrayRef({3}));
    EXPECT_EQ(head->logits(two, codes).sizes(), c10::IntArrayRef({2, 3, 4, 20}));
  }
}

}  // namespace
}  // namespace mmi::heads
