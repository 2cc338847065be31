#include "mmi/nn/key_map.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "mmi/base/errors.h"

namespace mmi::nn {
namespace {

std::string message(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(KeyMap, StripsTheWrappersPrefixAndLeavesOutWhatIsNotHere) {
  torch::manual_seed(1);
  torch::nn::Linear net(3, 2);
  const KeyMap map(
      {{KeyOp::kRename, "^module\\.", {""}}, {KeyOp::kDrop, "^total_(ops|params)$", {}}});
  const torch::Tensor weight = torch::randn({2, 3});
  load_state(
      *net,
      map.apply(
          {{"module.weight", weight},
           {"module.bias", torch::zeros({2})},
           {"total_ops", torch::zeros({1})},
           {"total_params", torch::zeros({1})}},
          "file"),
      "file");
  EXPECT_TRUE(net->weight.equal(weight));
}

TEST(KeyMap, SplitsAFusedProjectionAsTorchAttentionHoldsIt) {
  torch::manual_seed(2);
  torch::nn::MultiheadAttention fused(torch::nn::MultiheadAttentionOptions(8, 2));
  NamedTensors tensors;
  for (const StateEntry& entry : state_of(*fused)) {
    tensors.emplace_back("attn." + entry.name, entry.tensor);
  }
  const KeyMap map(
      {{KeyOp::kSplit,
        "^attn\\.in_proj_(weight|bias)$",
        {"attn.q_proj.$1", "attn.k_proj.$1", "attn.v_proj.$1"}}});
  const NamedTensors apart = map.apply(tensors, "file");
  const std::map<std::string, torch::Tensor> by_name(apart.begin(), apart.end());
  EXPECT_EQ(by_name.size(), 8U);
  const torch::Tensor x = torch::randn({5, 8});
  const torch::Tensor together = torch::linear(x, fused->in_proj_weight, fused->in_proj_bias);
  const torch::Tensor keys =
      torch::linear(x, by_name.at("attn.k_proj.weight"), by_name.at("attn.k_proj.bias"));
  EXPECT_TRUE(torch::allclose(keys, together.slice(1, 8, 16)));
}

TEST(KeyMap, FoldsWeightNorm) {
  torch::manual_seed(3);
  const torch::Tensor v = torch::randn({4, 3, 5});
  const torch::Tensor g = torch::rand({4, 1, 1}) + 0.5;
  const KeyMap map({{KeyOp::kFold, "^(.*)\\.weight_v$", {"$1.weight_g", "$1.weight"}}});
  const NamedTensors folded = map.apply({{"conv.weight_g", g}, {"conv.weight_v", v}}, "file");
  ASSERT_EQ(folded.size(), 1U);
  EXPECT_EQ(folded[0].first, "conv.weight");
  // Each filter keeps its direction and has the length g.
  EXPECT_TRUE(torch::allclose(folded[0].second.flatten(1).norm(2, 1), g.flatten()));
  EXPECT_TRUE(torch::allclose(
      torch::cosine_similarity(folded[0].second.flatten(1), v.flatten(1)), torch::ones({4})));
}

TEST(KeyMap, Transposes) {
  const torch::Tensor stored = torch::arange(6).view({2, 3});
  const KeyMap map({{KeyOp::kTranspose, "kernel$", {}}, {KeyOp::kRename, "kernel$", {"weight"}}});
  const NamedTensors turned = map.apply({{"kernel", stored}}, "file");
  EXPECT_EQ(turned[0].first, "weight");
  EXPECT_TRUE(turned[0].second.equal(stored.t()));
}

TEST(KeyMap, SaysWhatDoesNotFit) {
  const NamedTensors one = {{"a.weight", torch::zeros({3, 2})}, {"b.weight", torch::zeros({3})}};
  EXPECT_EQ(
      message([&] { KeyMap({{KeyOp::kDrop, "^module", {}}}).apply(one, "w.safetensors"); }),
      "w.safetensors: no key fits the rule \"^module\" of its key map");
  EXPECT_EQ(
      message([&] { KeyMap({{KeyOp::kRename, "^[ab]", {"c"}}}).apply(one, "w.safetensors"); }),
      "w.safetensors: the rule \"^[ab]\" of its key map gives two tensors the name c.weight");
  EXPECT_EQ(
      message([&] { KeyMap({{KeyOp::kSplit, "a", {"p", "q"}}}).apply(one, "w.safetensors"); }),
      "w.safetensors: a.weight has 3 rows, which do not split into 2");
  EXPECT_NE(
      message([] { KeyMap({{KeyOp::kDrop, "(", {}}}); }).find("not a regular"), std::string::npos);
  EXPECT_NE(
      message([] { KeyMap({{KeyOp::kFold, "v", {"g"}}}); }).find("2 names"), std::string::npos);
}

}  // namespace
}  // namespace mmi::nn
