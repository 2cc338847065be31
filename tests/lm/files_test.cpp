#include "mmi/lm/files.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "lm/tiny.h"
#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/nn/state.h"
#include "mmi/tensor/safetensors.h"

namespace mmi::lm {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

nn::NamedTensors tensors_of(const CausalLm& model) {
  nn::NamedTensors tensors;
  for (const auto& entry : nn::state_of(model)) {
    tensors.emplace_back(entry.name, entry.tensor.detach());
  }
  return tensors;
}

class Files : public testing::Test {
 protected:
  fs::path folder =
      fs::path(testing::TempDir()) /
      ("lm_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));

  void SetUp() override {
    fs::remove_all(folder);
  }

  void TearDown() override {
    fs::remove_all(folder);
  }

  std::string complaint() const {
    try {
      load_causal_lm(folder);
    } catch (const CheckpointError& error) {
      return error.what();
    }
    ADD_FAILURE() << "nothing was thrown";
    return "";
  }

  bool complains_of(const std::string& words) const {
    const std::string text = complaint();
    EXPECT_NE(text.find(words), std::string::npos) << text;
    return text.find(words) != std::string::npos;
  }

  /// Two shards and their index, as transformers writes them.
  void shard(const CausalLm& model) const {
    save_causal_lm(model, folder);
    fs::remove(folder / "model.safetensors");
    const auto all = tensors_of(model);
    json index;
    for (int part = 0; part < 2; ++part) {
      const std::string name = part == 0 ? "model-1.safetensors" : "model-2.safetensors";
      nn::NamedTensors some;
      for (std::size_t i = 0; i < all.size(); ++i) {
        if ((i < all.size() / 2) == (part == 0)) {
          some.push_back(all[i]);
          index["weight_map"][all[i].first] = name;
        }
      }
      save_tensors(folder / name, some);
    }
    write_index(index);
  }

  void write_index(const json& index) const {
    atomic_write(folder / "model.safetensors.index.json", index.dump());
  }

  json read_index() const {
    std::ifstream in(folder / "model.safetensors.index.json");
    return json::parse(in);
  }
};

TEST_F(Files, WhatIsSavedIsLoaded) {
  const torch::NoGradGuard no_grad;
  for (const auto& family : families()) {
    const auto model = tiny(family);
    save_causal_lm(*model, folder);
    const auto again = load_causal_lm(folder);
    EXPECT_FALSE(again->is_training());
    const auto ids = some_ids(2, 9);
    EXPECT_TRUE(again->forward(ids).equal(model->forward(ids))) << family;
  }
}

TEST_F(Files, ShardsAreOneModel) {
  const torch::NoGradGuard no_grad;
  const auto model = tiny("gemma2");
  shard(*model);
  const auto ids = some_ids(1, 9);
  EXPECT_TRUE(load_causal_lm(folder)->forward(ids).equal(model->forward(ids)));
}

TEST_F(Files, TypesAreAsAsked) {
  const auto model = tiny("llama");
  model->to(torch::kBFloat16);
  save_causal_lm(*model, folder);
  const auto type = [&](const LoadOptions& options) {
    return load_causal_lm(folder, options)->parameters().front().scalar_type();
  };
  EXPECT_EQ(type({}), torch::kFloat);
  EXPECT_EQ(type({.dtype = std::nullopt}), torch::kBFloat16);
  EXPECT_EQ(type({.dtype = torch::kHalf}), torch::kHalf);
}

TEST_F(Files, EveryLayerThatMultipliesIsSeenOnceWithItsWeights) {
  for (const std::string family : {"qwen2", "gemma3_text"}) {
    const auto model = tiny(family);
    const bool tied = model->config().tie;
    EXPECT_EQ(tied, family == "gemma3_text");
    shard(*model);
    std::vector<torch::Tensor> weights;
    load_causal_lm(folder, {.on_layer = [&](nn::MatrixLayer& layer) {
                     weights.push_back(layer.weight.detach().clone());
                     for (const auto& parameter : layer.parameters()) {
                       EXPECT_NE(parameter.abs().max().item<float>(), 0);
                     }
                   }});
    std::size_t found = 0;
    for (const auto& [name, tensor] : tensors_of(*model)) {
      if (tensor.dim() == 2 && (tied || name != "model.embed_tokens.weight")) {
        const auto same = [&tensor = tensor](const torch::Tensor& w) { return w.equal(tensor); };
        EXPECT_EQ(std::ranges::count_if(weights, same), 1) << name;
        ++found;
      }
    }
    EXPECT_EQ(weights.size(), found);
  }
}

TEST_F(Files, EverythingThatDoesNotFitIsInOneError) {
  const auto model = tiny("llama");
  save_causal_lm(*model, folder);
  auto tensors = tensors_of(*model);
  std::erase_if(tensors, [](const auto& one) { return one.first == "model.norm.weight"; });
  tensors.emplace_back("model.layers.0.self_attn.q_proj.lora", torch::zeros({2}));
  tensors.emplace_back("model.layers.0.self_attn.rotary_emb.inv_freq", torch::zeros({5}));
  tensors[0].second = torch::zeros({50, 31});
  save_tensors(folder / "model.safetensors", tensors);
  const std::string text = complaint();
  EXPECT_NE(text.find("1 missing [model.norm.weight [32]]"), std::string::npos) << text;
  EXPECT_NE(
      text.find("1 unexpected [model.layers.0.self_attn.q_proj.lora [2]]"), std::string::npos);
  EXPECT_NE(
      text.find("model.embed_tokens.weight is [50, 31] there and [50, 32] here"),
      std::string::npos);
}

TEST_F(Files, ATiedOutputLayerMayBeThere) {
  const torch::NoGradGuard no_grad;
  const auto model = tiny("gemma");
  save_causal_lm(*model, folder);
  auto tensors = tensors_of(*model);
  tensors.emplace_back("lm_head.weight", tensors[0].second.clone());
  save_tensors(folder / "model.safetensors", tensors);
  const auto ids = some_ids(1, 4);
  EXPECT_TRUE(load_causal_lm(folder)->forward(ids).equal(model->forward(ids)));
}

TEST_F(Files, EndIdsOfTheGenerationConfigCount) {
  const auto model = tiny("llama");
  save_causal_lm(*model, folder);
  EXPECT_EQ(load_causal_lm(folder)->config().eos_ids, std::vector<std::int64_t>{2});
  atomic_write(folder / "generation_config.json", R"({"eos_token_id": [7, 9]})");
  EXPECT_EQ(load_causal_lm(folder)->config().eos_ids, (std::vector<std::int64_t>{7, 9}));
}

TEST_F(Files, FaultsAreNamed) {
  EXPECT_TRUE(complains_of("config.json"));
  const auto model = tiny("llama");
  shard(*model);
  const json good = read_index();
  // An index that names what is in no shard, or in the other one.
  json index = good;
  index["weight_map"]["model.extra"] = "model-1.safetensors";
  write_index(index);
  EXPECT_TRUE(complains_of("model.extra should be in model-1.safetensors, but is not"));
  index = good;
  index["weight_map"]["model.norm.weight"] = "model-1.safetensors";
  write_index(index);
  EXPECT_TRUE(complains_of("model.norm.weight should be in model-1.safetensors, but is not"));
  index["weight_map"]["model.norm.weight"] = "../other.safetensors";
  write_index(index);
  EXPECT_TRUE(complains_of("no file name for model.norm.weight"));
  write_index(json::object());
  EXPECT_TRUE(complains_of("weight_map is missing"));
  // A shard that was cut off, then none.
  write_index(good);
  fs::resize_file(
      folder / "model-2.safetensors", fs::file_size(folder / "model-2.safetensors") - 7);
  EXPECT_TRUE(complains_of("model-2.safetensors"));
  fs::remove(folder / "model-2.safetensors");
  EXPECT_TRUE(complains_of("the shard model-2.safetensors is missing"));
  fs::remove(folder / "model.safetensors.index.json");
  EXPECT_TRUE(complains_of("model.safetensors"));
}

}  // namespace
}  // namespace mmi::lm
