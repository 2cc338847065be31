#include "mmi/lm/config.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <nlohmann/json.hpp>

#include "mmi/base/errors.h"
#include "mmi/lm/causal_lm.h"
#include "mmi/nn/init_context.h"
#include "mmi/nn/state.h"

namespace mmi::lm {
namespace {

using nlohmann::json;

json llama_json() {
  return {
      {"model_type", "llama"},
      {"vocab_size", 32000},
      {"hidden_size", 4096},
      {"intermediate_size", 11008},
      {"num_hidden_layers", 32},
      {"num_attention_heads", 32},
      {"max_position_embeddings", 2048}};
}

/// The message of what `call` throws.
template <class Error, class Call>
std::string message_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

/// As the model cards and safetensors indices of the publishers say.
const std::vector<std::pair<std::string, std::int64_t>> kCounts{
    {"llama-7b", 6738415616},     {"llama-13b", 13015864320},   {"vicuna-7b", 6738415616},
    {"llama-2-7b", 6738415616},   {"llama-2-13b", 13015864320}, {"llama-2-70b", 68976648192},
    {"llama-3-8b", 8030261248},   {"llama-3.1-8b", 8030261248}, {"llama-3.2-1b", 1235814400},
    {"llama-3.2-3b", 3212749824}, {"mistral-7b", 7241732096},   {"mistral-7b-v0.3", 7248023552},
    {"gemma-2b", 2506172416},     {"gemma-7b", 8537680896},     {"gemma-2-2b", 2614341888},
    {"gemma-2-9b", 9241705984},   {"gemma-3-270m", 268098176},  {"gemma-3-1b", 999885952},
    {"qwen2-0.5b", 494032768},    {"qwen2-1.5b", 1543714304},   {"qwen2-7b", 7615616512},
    {"qwen2.5-0.5b", 494032768},  {"qwen2.5-1.5b", 1543714304}, {"qwen2.5-3b", 3085938688},
    {"qwen2.5-7b", 7615616512},   {"qwen3-0.6b", 596049920},    {"qwen3-1.7b", 1720574976},
    {"qwen3-4b", 4022468096},     {"qwen3-8b", 8190735360},
};

TEST(Published, ParametersAreExactWithoutMemory) {
  ASSERT_EQ(kCounts.size(), published_names().size());
  const nn::InitContext meta({.device = torch::kMeta});
  for (const auto& [name, count] : kCounts) {
    const CausalLmConfig config = published(name);
    EXPECT_EQ(config.parameter_count(), count) << name;
    EXPECT_EQ(nn::parameter_count(CausalLm(config)), count) << name;
  }
}

TEST(Published, UnknownNameNamesTheNearest) {
  EXPECT_NE(
      message_of<ConfigError>([] { published("lama-7b"); }).find("did you mean \"llama-7b\""),
      std::string::npos);
}

TEST(Published, EveryOneSurvivesItsJson) {
  for (const std::string& name : published_names()) {
    const CausalLmConfig config = published(name);
    const CausalLmConfig again = from_json(to_json(config), name);
    EXPECT_EQ(to_json(again), to_json(config)) << name;
    EXPECT_EQ(again.parameter_count(), config.parameter_count()) << name;
    for (std::int64_t i = 0; i < config.layers; ++i) {
      EXPECT_EQ(again.slides(i), config.slides(i)) << name << " layer " << i;
    }
  }
}

TEST(ConfigJson, FieldsOfVersion4AreRead) {
  json object = llama_json();
  object["rope_theta"] = 500000.0;
  object["rope_scaling"] = {
      {"type", "llama3"},
      {"factor", 8.0},
      {"low_freq_factor", 1.0},
      {"high_freq_factor", 4.0},
      {"original_max_position_embeddings", 8192}};
  object["eos_token_id"] = {128001, 128009};
  const CausalLmConfig config = from_json(object, "config.json");
  EXPECT_EQ(config.kv_heads, 32);
  EXPECT_EQ(config.head_dim, 128);
  EXPECT_FALSE(config.tie);
  EXPECT_EQ(config.rope.theta, 500000);
  EXPECT_EQ(config.rope.kind, RopeKind::kLlama3);
  EXPECT_EQ(config.rope.original_context, 8192);
  EXPECT_EQ(config.eos_ids, (std::vector<std::int64_t>{128001, 128009}));
}

TEST(ConfigJson, GemmasDefaultsAreTransformers) {
  json object = llama_json();
  object["model_type"] = "gemma2";
  const CausalLmConfig second = from_json(object, "config.json");
  EXPECT_TRUE(second.tie && second.norm_plus_one && second.embed_scale && second.four_norms);
  EXPECT_EQ(second.activation, Activation::kGeluTanh);
  EXPECT_EQ(second.head_dim, 256);
  EXPECT_EQ(second.logit_soft_cap, 30);
  EXPECT_EQ(second.attention_soft_cap, 50);
  EXPECT_EQ(second.sliding_window, 4096);
  EXPECT_TRUE(second.slides(0) && !second.slides(1));
  object["model_type"] = "gemma3_text";
  object["rope_scaling"] = {{"rope_type", "linear"}, {"factor", 8.0}};
  const CausalLmConfig third = from_json(object, "config.json");
  EXPECT_EQ(third.rope.theta, 1e6);
  EXPECT_EQ(third.rope.factor, 8);
  EXPECT_EQ(third.context, 2048);
  EXPECT_EQ(third.local_rope_theta, 1e4);
  EXPECT_TRUE(third.slides(4) && !third.slides(5));
}

TEST(ConfigJson, StretchedFilesNameTheContextBefore) {
  json object = llama_json();
  object["rope_scaling"] = {{"type", "linear"}, {"factor", 4.0}};
  EXPECT_EQ(from_json(object, "config.json").context, 8192);
  object["rope_scaling"] = {
      {"type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 2048}};
  EXPECT_EQ(from_json(object, "config.json").context, 8192);
}

TEST(ConfigJson, WhatCannotBeDoneIsSaid) {
  const auto complaint = [](const char* field, json value) {
    json object = llama_json();
    object[field] = std::move(value);
    return message_of<CheckpointError>([&] { from_json(object, "config.json"); });
  };
  EXPECT_NE(complaint("model_type", "mamba").find("qwen3"), std::string::npos);
  EXPECT_NE(complaint("hidden_size", nullptr).find("hidden_size is missing"), std::string::npos);
  EXPECT_NE(complaint("hidden_size", "big").find("hidden_size"), std::string::npos);
  EXPECT_NE(complaint("hidden_act", "relu").find("relu"), std::string::npos);
  EXPECT_NE(complaint("num_key_value_heads", 5).find("multiple"), std::string::npos);
  EXPECT_NE(complaint("num_attention_heads", 0).find("heads"), std::string::npos);
  EXPECT_NE(
      complaint("rope_scaling", {{"type", "longrope"}, {"factor", 2.0}}).find("longrope"),
      std::string::npos);
  EXPECT_NE(complaint("rope_scaling", {{"type", "linear"}}).find("factor"), std::string::npos);
  EXPECT_NE(complaint("quantization_config", {{"bits", 4}}).find("quantised"), std::string::npos);
  EXPECT_THROW(from_json(json::array(), "config.json"), CheckpointError);
  EXPECT_NE(complaint("hidden_size", 1LL << 40).find("hidden"), std::string::npos);
  EXPECT_NE(complaint("rope_theta", 0).find("theta"), std::string::npos);
}

TEST(ConfigJson, NothingIsMadeForLayersWithoutEnd) {
  json object = llama_json();
  object["model_type"] = "gemma3_text";
  object["num_hidden_layers"] = 1LL << 60;
  EXPECT_THROW(from_json(object, "config.json"), CheckpointError);
  object["num_hidden_layers"] = 4;
  object["sliding_window_pattern"] = 0;
  EXPECT_THROW(from_json(object, "config.json"), CheckpointError);
}

TEST(ConfigJson, FlagsOfNoFamilyCannotBeSaved) {
  CausalLmConfig config;
  config.qk_norm = true;  // no LLaMA has it
  EXPECT_THROW(to_json(config), ConfigError);
  config.family = "qwen3";
  EXPECT_NO_THROW(to_json(config));
}

}  // namespace
}  // namespace mmi::lm
