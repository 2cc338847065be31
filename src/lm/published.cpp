// Sizes as in the config.json files that the authors published.

#include "mmi/base/config_node.h"
#include "mmi/base/errors.h"
#include "mmi/lm/config.h"

namespace mmi::lm {
namespace {

struct Sizes {
  std::int64_t vocab, hidden, intermediate, layers, heads, kv_heads, head_dim, context;
};

CausalLmConfig sized(const std::string& family, const Sizes& s) {
  CausalLmConfig c;
  c.family = family;
  c.vocab = s.vocab;
  c.hidden = s.hidden;
  c.intermediate = s.intermediate;
  c.layers = s.layers;
  c.heads = s.heads;
  c.kv_heads = s.kv_heads;
  c.head_dim = s.head_dim;
  c.context = s.context;
  return c;
}

CausalLmConfig llama(const Sizes& sizes, double eps) {
  CausalLmConfig c = sized("llama", sizes);
  c.rms_eps = eps;
  return c;
}

/// `factor` 1: without stretching.
CausalLmConfig llama3(const Sizes& sizes, double factor, bool tie) {
  CausalLmConfig c = llama(sizes, 1e-5);
  c.rope.theta = 500000;
  if (factor > 1) {
    c.rope.kind = RopeKind::kLlama3;
    c.rope.factor = factor;
    c.rope.original_context = 8192;
  }
  c.tie = tie;
  c.bos_id = 128000;
  c.eos_ids = {128001};
  return c;
}

CausalLmConfig mistral(std::int64_t vocab, std::int64_t window, double theta) {
  CausalLmConfig c = sized("mistral", {vocab, 4096, 14336, 32, 32, 8, 128, 32768});
  c.rms_eps = 1e-5;
  c.sliding_window = window;
  c.rope.theta = theta;
  return c;
}

CausalLmConfig gemma(const Sizes& sizes) {
  CausalLmConfig c = sized("gemma", sizes);
  c.activation = Activation::kGeluTanh;
  c.norm_plus_one = true;
  c.embed_scale = true;
  c.tie = true;
  c.bos_id = 2;
  c.eos_ids = {1};
  c.pad_id = 0;
  return c;
}

/// Every `period`-th layer sees everything.
void slide(CausalLmConfig& c, std::int64_t window, std::int64_t period) {
  c.sliding_window = window;
  for (std::int64_t i = 1; i <= c.layers; ++i) {
    c.layer_types.push_back(i % period == 0 ? LayerKind::kFull : LayerKind::kSliding);
  }
}

CausalLmConfig gemma2(const Sizes& sizes) {
  CausalLmConfig c = gemma(sizes);
  c.family = "gemma2";
  c.four_norms = true;
  c.query_scale = 256;
  c.attention_soft_cap = 50;
  c.logit_soft_cap = 30;
  slide(c, 4096, 2);
  return c;
}

CausalLmConfig gemma3(const Sizes& sizes) {
  CausalLmConfig c = gemma(sizes);
  c.family = "gemma3_text";
  c.four_norms = true;
  c.qk_norm = true;
  c.query_scale = 256;
  c.rope.theta = 1e6;
  c.local_rope_theta = 10000;
  slide(c, 512, 6);
  return c;
}

CausalLmConfig qwen(const std::string& family, const Sizes& sizes, bool tie) {
  CausalLmConfig c = sized(family, sizes);
  c.rope.theta = 1e6;
  c.tie = tie;
  c.qkv_bias = family == "qwen2";
  c.qk_norm = family == "qwen3";
  c.bos_id = 151643;
  c.eos_ids = {family == "qwen3" ? 151645 : 151643};
  return c;
}

const std::vector<std::pair<std::string, CausalLmConfig>>& all() {
  static const Sizes kLlama7b{32000, 4096, 11008, 32, 32, 32, 128, 2048};
  static const Sizes kLlama13b{32000, 5120, 13824, 40, 40, 40, 128, 2048};
  const auto longer = [](Sizes sizes, std::int64_t context) {
    sizes.context = context;
    return sizes;
  };
  static const std::vector<std::pair<std::string, CausalLmConfig>> made{
      {"llama-7b", llama(kLlama7b, 1e-6)},
      {"llama-13b", llama(kLlama13b, 1e-6)},
      {"vicuna-7b", llama(kLlama7b, 1e-6)},
      {"llama-2-7b", llama(longer(kLlama7b, 4096), 1e-5)},
      {"llama-2-13b", llama(longer(kLlama13b, 4096), 1e-5)},
      {"llama-2-70b", llama({32000, 8192, 28672, 80, 64, 8, 128, 4096}, 1e-5)},
      {"llama-3-8b", llama3({128256, 4096, 14336, 32, 32, 8, 128, 8192}, 1, false)},
      {"llama-3.1-8b", llama3({128256, 4096, 14336, 32, 32, 8, 128, 131072}, 8, false)},
      {"llama-3.2-1b", llama3({128256, 2048, 8192, 16, 32, 8, 64, 131072}, 32, true)},
      {"llama-3.2-3b", llama3({128256, 3072, 8192, 28, 24, 8, 128, 131072}, 32, true)},
      {"mistral-7b", mistral(32000, 4096, 1e4)},
      {"mistral-7b-v0.3", mistral(32768, 0, 1e6)},
      {"gemma-2b", gemma({256000, 2048, 16384, 18, 8, 1, 256, 8192})},
      {"gemma-7b", gemma({256000, 3072, 24576, 28, 16, 16, 256, 8192})},
      {"gemma-2-2b", gemma2({256000, 2304, 9216, 26, 8, 4, 256, 8192})},
      {"gemma-2-9b", gemma2({256000, 3584, 14336, 42, 16, 8, 256, 8192})},
      {"gemma-3-270m", gemma3({262144, 640, 2048, 18, 4, 1, 256, 32768})},
      {"gemma-3-1b", gemma3({262144, 1152, 6912, 26, 4, 1, 256, 32768})},
      {"qwen2-0.5b", qwen("qwen2", {151936, 896, 4864, 24, 14, 2, 64, 131072}, true)},
      {"qwen2-1.5b", qwen("qwen2", {151936, 1536, 8960, 28, 12, 2, 128, 131072}, true)},
      {"qwen2-7b", qwen("qwen2", {152064, 3584, 18944, 28, 28, 4, 128, 131072}, false)},
      {"qwen2.5-0.5b", qwen("qwen2", {151936, 896, 4864, 24, 14, 2, 64, 32768}, true)},
      {"qwen2.5-1.5b", qwen("qwen2", {151936, 1536, 8960, 28, 12, 2, 128, 131072}, true)},
      {"qwen2.5-3b", qwen("qwen2", {151936, 2048, 11008, 36, 16, 2, 128, 32768}, true)},
      {"qwen2.5-7b", qwen("qwen2", {152064, 3584, 18944, 28, 28, 4, 128, 131072}, false)},
      {"qwen3-0.6b", qwen("qwen3", {151936, 1024, 3072, 28, 16, 8, 128, 40960}, true)},
      {"qwen3-1.7b", qwen("qwen3", {151936, 2048, 6144, 28, 16, 8, 128, 40960}, true)},
      {"qwen3-4b", qwen("qwen3", {151936, 2560, 9728, 36, 32, 8, 128, 40960}, true)},
      {"qwen3-8b", qwen("qwen3", {151936, 4096, 12288, 36, 32, 8, 128, 40960}, false)},
  };
  return made;
}

}  // namespace

const std::vector<std::string>& published_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> made;
    for (const auto& [name, config] : all()) {
      made.push_back(name);
    }
    return made;
  }();
  return names;
}

CausalLmConfig published(const std::string& name) {
  for (const auto& [known, config] : all()) {
    if (known == name) {
      return config;
    }
  }
  const std::string near = config::nearest(name, published_names());
  throw ConfigError(format(
      "no language model is called \"{}\"{}",
      name,
      near.empty() ? "" : format("; did you mean \"{}\"?", near)));
}

}  // namespace mmi::lm
