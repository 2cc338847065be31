#pragma once

#include <torch/types.h>
#include <torch/utils.h>

#include <memory>
#include <string>
#include <vector>

#include "mmi/lm/causal_lm.h"

namespace mmi::lm {

/// A model of a family, small, with windows shorter than the tests' texts.
inline CausalLmConfig tiny_config(const std::string& family) {
  CausalLmConfig c;
  c.family = family;
  c.vocab = 50;
  c.hidden = 32;
  c.intermediate = 48;
  c.layers = 3;
  c.heads = 4;
  c.kv_heads = 2;
  c.head_dim = 10;  // of no vector's width
  c.context = 64;
  if (family.starts_with("gemma")) {
    c.activation = Activation::kGeluTanh;
    c.norm_plus_one = c.embed_scale = c.tie = true;
  }
  if (family == "gemma2" || family == "gemma3_text") {
    c.four_norms = true;
    c.sliding_window = 4;
    c.layer_types = {LayerKind::kSliding, LayerKind::kFull, LayerKind::kSliding};
  }
  if (family == "gemma2") {
    c.attention_soft_cap = 2;
    c.logit_soft_cap = 3;
  }
  if (family == "gemma3_text") {
    c.local_rope_theta = 100;
  }
  if (family == "mistral") {
    c.sliding_window = 5;
  }
  c.qk_norm = family == "gemma3_text" || family == "qwen3";
  c.qkv_bias = family == "qwen2";
  return c;
}

inline std::shared_ptr<CausalLm> tiny(const std::string& family) {
  torch::manual_seed(3);
  auto model = std::make_shared<CausalLm>(tiny_config(family));
  model->eval();
  // Weights that are not nearly nothing, norms and biases that are not what they began with.
  const torch::NoGradGuard no_grad;
  for (auto& parameter : model->parameters()) {
    parameter.dim() == 2 ? parameter.mul_(10) : parameter.add_(0.3 * torch::randn_like(parameter));
  }
  return model;
}

inline const std::vector<std::string>& families() {
  static const std::vector<std::string> names{
      "llama", "mistral", "gemma", "gemma2", "gemma3_text", "qwen2", "qwen3"};
  return names;
}

inline torch::Tensor some_ids(std::int64_t batch, std::int64_t n) {
  torch::manual_seed(5);
  return torch::randint(0, 50, {batch, n}, torch::kLong);
}

}  // namespace mmi::lm
