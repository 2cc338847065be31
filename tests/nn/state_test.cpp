#include "mmi/nn/state.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "mmi/base/errors.h"

namespace mmi::nn {
namespace {

struct Net : torch::nn::Module {
  Net() {
    norm = register_module("norm", torch::nn::BatchNorm1d(3));
    first = register_module("first", torch::nn::Linear(2, 3));
    scale = register_parameter("scale", torch::ones({1}));
    second = register_module("second", std::make_shared<torch::nn::Module>("second"));
    second->register_parameter("tied", first->weight);
  }

  torch::nn::BatchNorm1d norm{nullptr};
  torch::nn::Linear first{nullptr};
  torch::Tensor scale;
  std::shared_ptr<torch::nn::Module> second;
};

TEST(State, HasPythonsOrderAndKnowsSharedTensors) {
  const Net net;
  std::vector<std::string> names;
  for (const StateEntry& entry : state_of(net)) {
    names.push_back(entry.name);
  }
  EXPECT_EQ(
      names,
      (std::vector<std::string>{
          "scale",
          "norm.weight",
          "norm.bias",
          "norm.running_mean",
          "norm.running_var",
          "norm.num_batches_tracked",
          "first.weight",
          "first.bias",
          "second.tied"}));
  EXPECT_EQ(state_of(net).back().alias_of, "first.weight");
  EXPECT_EQ(parameter_count(net), 1 + 6 + 9);
}

TEST(State, GlobsSelectParametersAndUnmatchedOnesAreErrors) {
  const Net net;
  EXPECT_EQ(match_parameters(net, {"first.*", "norm.w?ight"}).size(), 3U);
  try {
    match_parameters(net, {"frist.weight"});
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("first.weight"), std::string::npos) << error.what();
  }
  EXPECT_TRUE(glob_match("a*c*", "abcd"));
  EXPECT_FALSE(glob_match("a?", "abc"));
}

TEST(State, LoadingIsStrictAndListsWhatDoesNotFit) {
  Net net;
  std::vector<std::pair<std::string, torch::Tensor>> tensors;
  for (const StateEntry& entry : state_of(net)) {
    if (entry.alias_of.empty()) {
      tensors.emplace_back(entry.name, torch::full_like(entry.tensor, 2));
    }
  }
  load_state(net, tensors, "file");
  EXPECT_TRUE(torch::equal(net.second->parameters()[0], torch::full({3, 2}, 2.0)));
  tensors[0].first = "skale";
  tensors.back().second = torch::zeros({4});
  try {
    load_state(net, tensors, "file");
    FAIL();
  } catch (const CheckpointError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("1 missing [scale [1]]"), std::string::npos) << text;
    EXPECT_NE(text.find("1 unexpected [skale [1]]"), std::string::npos) << text;
    EXPECT_NE(text.find("first.bias is [4] there and [3] here"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace mmi::nn
