#include "mmi/nn/lora.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <filesystem>
#include <fstream>

#include "mmi/base/errors.h"
#include "mmi/nn/init_context.h"
#include "mmi/nn/state.h"
#include "mmi/tensor/safetensors.h"

namespace mmi::nn {
namespace {

namespace fs = std::filesystem;

struct Net : torch::nn::Module {
  std::shared_ptr<Linear> q_proj, up, lm_head;

  Net() {
    q_proj = register_module("q_proj", std::make_shared<Linear>(6, 10, /*bias=*/true));
    up = register_module("up", std::make_shared<Linear>(10, 8));
    lm_head = register_module("lm_head", std::make_shared<Linear>(8, 5));
  }

  torch::Tensor forward(const torch::Tensor& x) {
    return lm_head->forward(up->forward(q_proj->forward(x)));
  }
};

std::int64_t trainable(const torch::nn::Module& module) {
  std::int64_t count = 0;
  for (const auto& parameter : module.parameters()) {
    count += parameter.requires_grad() ? parameter.numel() : 0;
  }
  return count;
}

void fill_adapters(torch::nn::Module& module) {
  const torch::NoGradGuard no_grad;
  for (auto& item : module.named_parameters()) {
    if (item.key().find("lora_") != std::string::npos) {
      item.value().normal_(0, 0.5);
    }
  }
}

fs::path folder(const std::string& name) {
  const fs::path made = fs::temp_directory_path() / ("mmi_lora_test_" + name);
  fs::remove_all(made);
  fs::create_directories(made);
  return made;
}

std::string message(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Lora, ChangesNothingUntilTrainedAndTrainsNothingElse) {
  torch::manual_seed(1);
  Net net;
  const auto x = torch::randn({3, 6});
  const auto before = net.forward(x);
  EXPECT_EQ(add_lora(net, {.r = 2, .alpha = 6, .target_modules = {"q_proj", "up"}}), 2);
  EXPECT_TRUE(torch::allclose(net.forward(x), before, 0, 1e-6));  // frozen: another kernel
  EXPECT_EQ(trainable(net), 2 * (6 + 10) + 2 * (10 + 8));
  net.forward(x).square().sum().backward();
  EXPECT_GT(net.q_proj->adapter->b->weight.grad().abs().sum().item<float>(), 0);
  EXPECT_FALSE(net.q_proj->weight.grad().defined());
}

TEST(Lora, AddsItsScaledProduct) {
  torch::manual_seed(2);
  Net net;
  const auto x = torch::randn({3, 6});
  const auto before = net.q_proj->forward(x);
  for (const bool rslora : {false, true}) {
    add_lora(net, {.r = 4, .alpha = 6, .target_modules = {"q_proj"}, .rslora = rslora});
    fill_adapters(net);
    const auto& adapter = *net.q_proj->adapter;
    const auto added = torch::linear(torch::linear(x, adapter.a->weight), adapter.b->weight);
    EXPECT_TRUE(
        torch::allclose(net.q_proj->forward(x), before + (rslora ? 3 : 1.5) * added, 1e-5, 1e-6));
    remove_lora(net);
  }
  EXPECT_TRUE(torch::allclose(net.q_proj->forward(x), before, 0, 1e-6));
}

TEST(Lora, MergedIsUnmerged) {
  torch::manual_seed(3);
  Net net;
  add_lora(net, {.r = 3, .target_pattern = "all-linear"});
  EXPECT_EQ(net.lm_head->adapter, nullptr);
  fill_adapters(net);
  const auto x = torch::randn({7, 6});
  const auto weight = net.up->weight.clone();
  const auto apart = net.forward(x);
  merge_lora(net);
  merge_lora(net);  // once is enough
  EXPECT_FALSE(torch::allclose(net.up->weight, weight));
  EXPECT_LT((net.forward(x) - apart).abs().max().item<float>(), 1e-5);
  unmerge_lora(net);
  EXPECT_TRUE(torch::allclose(net.up->weight, weight, 0, 1e-6));
  EXPECT_LT((net.forward(x) - apart).abs().max().item<float>(), 1e-5);
  merge_lora(net);
  remove_lora(net);
  EXPECT_LT((net.forward(x) - apart).abs().max().item<float>(), 1e-5);
  EXPECT_EQ(state_of(net).size(), 4);
}

TEST(Lora, DropsInputsOfTheAdapterInTrainingAlone) {
  torch::manual_seed(4);
  Net net;
  add_lora(net, {.r = 3, .dropout = 0.5});
  fill_adapters(net);
  const auto x = torch::randn({7, 6});
  net.eval();
  EXPECT_TRUE(torch::equal(net.forward(x), net.forward(x)));
  net.train();
  EXPECT_FALSE(torch::equal(net.forward(x), net.forward(x)));
}

TEST(Lora, TargetsByNamesAndExpressions) {
  const auto adapted = [](const LoraConfig& config) {
    Net net;
    add_lora(net, config);
    std::string names;
    for (const auto& entry : state_of(net)) {
      if (entry.name.find("lora_A") != std::string::npos) {
        names += entry.name + std::to_string(entry.tensor.size(0)) + " ";
      }
    }
    return names;
  };
  EXPECT_EQ(
      adapted({.target_pattern = "(q|v)_proj|u.", .rank_pattern = {{"u.", 5}}}),
      "q_proj.lora_A.weight8 up.lora_A.weight5 ");
  EXPECT_EQ(adapted({.target_modules = {"proj", "up"}}), "up.lora_A.weight8 ");
  EXPECT_THROW(adapted({.target_modules = {"proj"}}), ConfigError);
  EXPECT_THROW(adapted({.target_pattern = "(("}), ConfigError);
  Net net;
  add_lora(net, {});
  EXPECT_THROW(add_lora(net, {}), ConfigError);
  Net plain;
  EXPECT_THROW(merge_lora(plain), ConfigError);
}

TEST(Lora, AdaptsFrozenInt8AndBf16Layers) {
  torch::manual_seed(5);
  Net net;
  const auto x = torch::randn({3, 6});
  const auto whole = net.forward(x);
  net.q_proj->quantize_int8();
  net.up->quantize_int8();
  EXPECT_LT((net.forward(x) - whole).norm().item<float>(), 0.02 * whole.norm().item<float>());
  add_lora(net, {.r = 2, .target_modules = {"q_proj", "up"}});
  net.forward(x).square().sum().backward();
  EXPECT_GT(net.q_proj->adapter->b->weight.grad().abs().sum().item<float>(), 0);
  EXPECT_THROW(merge_lora(net), ConfigError);

  const InitContext context({.dtype = torch::kBFloat16});
  Net half;
  add_lora(half, {.r = 2});
  EXPECT_EQ(half.q_proj->adapter->a->weight.scalar_type(), torch::kFloat);
  half.forward(x).square().sum().backward();
  EXPECT_GT(half.q_proj->adapter->b->weight.grad().abs().sum().item<float>(), 0);
}

TEST(Lora, Int8LayersHoldBuffers) {
  torch::manual_seed(6);
  Net net;
  net.q_proj->quantize_int8();
  net.q_proj->quantize_int8();  // is so already
  std::vector<std::string> names;
  for (const auto& entry : state_of(net)) {
    names.push_back(entry.name + (entry.is_parameter ? "" : "*"));
  }
  EXPECT_EQ(
      names,
      (std::vector<std::string>{
          "q_proj.bias", "q_proj.weight*", "q_proj.weight_scale*", "up.weight", "lm_head.weight"}));
}

TEST(Lora, SavedAdaptersComeBack) {
  torch::manual_seed(7);
  const fs::path path = folder("round");
  Net net;
  add_lora(net, {.r = 2, .alpha = 5, .target_modules = {"up"}, .rslora = true});
  fill_adapters(net);
  save_lora(net, path, "base");
  Net other;
  other.q_proj->weight = net.q_proj->weight;
  EXPECT_EQ(load_lora(other, path), 1);
  EXPECT_EQ(*other.up->adapter->config, *net.up->adapter->config);
  EXPECT_EQ(other.up->adapter->scale, net.up->adapter->scale);
  EXPECT_TRUE(torch::equal(other.up->adapter->delta(), net.up->adapter->delta()));
  EXPECT_EQ(trainable(other), 2 * (10 + 8));
}

TEST(Lora, WhatIsNotPlainLoraIsRefused) {
  const fs::path path = folder("refused");
  Net net;
  add_lora(net, {.target_modules = {"up"}});
  save_lora(net, path);
  const auto refusal = [&](const std::string& fields) {
    std::ofstream(path / "adapter_config.json") << "{" << fields << "}";
    Net fresh;
    const std::string text = message([&] { load_lora(fresh, path); });
    EXPECT_EQ(state_of(fresh).size(), 4) << text;
    return text;
  };
  const std::string plain = R"("peft_type": "LORA", "target_modules": ["up"])";
  EXPECT_NE(refusal(R"("peft_type": "IA3")").find("peft_type is \"IA3\""), std::string::npos);
  EXPECT_NE(refusal(plain + R"(, "use_dora": true)").find("DoRA"), std::string::npos);
  EXPECT_NE(refusal(plain + R"(, "bias": "all")").find("bias = \"all\""), std::string::npos);
  EXPECT_NE(
      refusal(plain + R"(, "modules_to_save": ["x"])").find("modules_to_save"), std::string::npos);
  EXPECT_NE(refusal(plain + R"(, "init_lora_weights": "pissa")").find("pissa"), std::string::npos);
  EXPECT_NE(refusal(plain + R"(, "r": "eight")").find("eight"), std::string::npos);
  EXPECT_NE(refusal(plain + R"(, "r": 0)").find("r is 0"), std::string::npos);
  EXPECT_NE(
      refusal(plain + R"(, "rank_pattern": {"(": 4})").find("\"(\" is no regular"),
      std::string::npos);
  const std::string deep = std::string(3000, '(') + std::string(3000, ')');
  EXPECT_NE(
      refusal(R"("peft_type": "LORA", "target_modules": ")" + deep + "\"").find("up to 2000"),
      std::string::npos);
  EXPECT_NE(
      refusal(plain + R"(, "r": 4)").find("lora_A.weight is [8, 10] there"), std::string::npos);
  EXPECT_NE(
      refusal(R"("peft_type": "LORA", "target_modules": ["q_proj"])")
          .find("2 missing [q_proj.lora_A.weight [8, 6], q_proj.lora_B.weight [10, 8]], 2 "
                "unexpected"),
      std::string::npos);
  Net fresh;
  EXPECT_NE(
      message([&] { load_lora(fresh, path / "nowhere"); }).find("adapter_config.json"),
      std::string::npos);
}

TEST(Lora, ReadsTheNamesOfAWholeDump) {
  torch::manual_seed(8);
  const fs::path path = folder("dump");
  Net net;
  add_lora(net, {.r = 2, .target_modules = {"up"}});
  fill_adapters(net);
  save_lora(net, path);
  NamedTensors tensors;
  for (const auto& [name, tensor] : std::vector<std::pair<std::string, torch::Tensor>>{
           {"up.base_layer.weight", net.up->weight},
           {"up.lora_A.default.weight", net.up->adapter->a->weight},
           {"up.lora_B.default.weight", net.up->adapter->b->weight},
           {"lm_head.weight", net.lm_head->weight}}) {
    tensors.emplace_back("base_model.model." + name, tensor.detach());
  }
  save_tensors(path / "adapter_model.safetensors", tensors);
  Net other;
  load_lora(other, path);
  EXPECT_TRUE(torch::equal(other.up->adapter->delta(), net.up->adapter->delta()));
  // Without such names a further tensor is one too many.
  tensors = {
      {"up.lora_A.weight", net.up->adapter->a->weight.detach()},
      {"up.lora_B.weight", net.up->adapter->b->weight.detach()},
      {"lm_head.weight", net.lm_head->weight.detach()}};
  save_tensors(path / "adapter_model.safetensors", tensors);
  Net third;
  EXPECT_THROW(load_lora(third, path), CheckpointError);
}

}  // namespace
}  // namespace mmi::nn
