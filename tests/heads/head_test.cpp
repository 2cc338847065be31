#include "mmi/heads/head.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "mmi/base/errors.h"
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

}  // namespace
}  // namespace mmi::heads
