// transformers' config.json <-> CausalLmConfig.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "mmi/base/errors.h"
#include "mmi/lm/config.h"

namespace mmi::lm {
namespace {

using nlohmann::json;

constexpr const char* kFamilies = "llama, mistral, gemma, gemma2, gemma3_text, qwen2, qwen3";

/// What the layouts of a family leave open: the defaults of transformers' configuration classes.
struct Family {
  std::string name;
  std::string architecture;
  bool gemma = false;
  bool qwen = false;

  explicit Family(const std::string& model_type, const std::string& source) : name(model_type) {
    static const std::vector<std::pair<std::string, std::string>> kArchitectures{
        {"llama", "LlamaForCausalLM"},
        {"mistral", "MistralForCausalLM"},
        {"gemma", "GemmaForCausalLM"},
        {"gemma2", "Gemma2ForCausalLM"},
        {"gemma3_text", "Gemma3ForCausalLM"},
        {"qwen2", "Qwen2ForCausalLM"},
        {"qwen3", "Qwen3ForCausalLM"}};
    const auto found =
        std::ranges::find(kArchitectures, model_type, [](const auto& pair) { return pair.first; });
    MMI_CHECK(
        CheckpointError,
        found != kArchitectures.end(),
        "{}: model_type is \"{}\"; language models are {}",
        source,
        model_type,
        kFamilies);
    architecture = found->second;
    gemma = name.starts_with("gemma");
    qwen = name.starts_with("qwen");
  }

  bool soft_capped() const {
    return name == "gemma2";
  }

  bool four_norms() const {
    return name == "gemma2" || name == "gemma3_text";
  }
};

/// An object of the file, whose fields are asked for by type.
class Fields {
 public:
  Fields(const json& object, std::string source) : object_(object), source_(std::move(source)) {
    MMI_CHECK(CheckpointError, object.is_object(), "{}: an object is needed", source_);
  }

  bool has(const char* name) const {
    const auto found = object_.find(name);
    return found != object_.end() && !found->is_null();
  }

  /// Absent or null: `fallback`.
  template <class T>
  T get(const char* name, T fallback) const {
    if (!has(name)) {
      return fallback;
    }
    // Not cast: it may be beyond all integers.
    MMI_CHECK(
        CheckpointError,
        !std::is_integral_v<T> || !object_.at(name).is_number_float(),
        "{}: {} must be an integer, but is {}",
        source_,
        name,
        object_.at(name).dump());
    try {
      return object_.at(name).get<T>();
    } catch (const json::exception& error) {
      throw CheckpointError(format("{}: {}: {}", source_, name, error.what()));
    }
  }

  std::int64_t size(const char* name) const {
    MMI_CHECK(CheckpointError, has(name), "{}: {} is missing", source_, name);
    return get<std::int64_t>(name, 0);
  }

  /// Absent: `fallback`; null: 0.
  double or_none(const char* name, double fallback) const {
    return object_.contains(name) ? get<double>(name, 0) : fallback;
  }

  Fields below(const char* name) const {
    return {object_.at(name), format("{}: {}", source_, name)};
  }

  const std::string& source() const {
    return source_;
  }

 private:
  const json& object_;
  std::string source_;
};

double yarn_scale(double factor, double m) {
  return factor <= 1 ? 1 : 0.1 * m * std::log(factor) + 1;
}

/// `theta` is what stands outside of the object.
RopeConfig read_rope(const Fields& f, double theta, std::int64_t context) {
  RopeConfig rope;
  rope.theta = f.get("rope_theta", theta);
  const auto kind = f.get("rope_type", f.get<std::string>("type", "default"));
  bool known = false;
  for (const auto& [name, value] : config::EnumNames<RopeKind>::names) {
    if (kind == name) {
      rope.kind = value;
      known = true;
    }
  }
  MMI_CHECK(
      CheckpointError,
      known,
      "{}: rope_type is \"{}\", but must be {}",
      f.source(),
      kind,
      config::Codec<RopeKind>::type());
  MMI_CHECK(
      CheckpointError,
      f.get("partial_rotary_factor", 1.0) == 1.0,
      "{}: heads that are rotated in part are not known",
      f.source());
  if (rope.kind == RopeKind::kDefault) {
    return rope;
  }
  MMI_CHECK(CheckpointError, f.has("factor"), "{}: factor is missing", f.source());
  rope.factor = f.get("factor", rope.factor);
  if (rope.kind == RopeKind::kLlama3) {
    rope.low_freq_factor = f.get("low_freq_factor", rope.low_freq_factor);
    rope.high_freq_factor = f.get("high_freq_factor", rope.high_freq_factor);
  }
  if (rope.kind == RopeKind::kLlama3 || rope.kind == RopeKind::kYarn) {
    rope.original_context = f.get("original_max_position_embeddings", context);
  }
  if (rope.kind == RopeKind::kYarn) {
    rope.beta_fast = f.get("beta_fast", rope.beta_fast);
    rope.beta_slow = f.get("beta_slow", rope.beta_slow);
    rope.truncate = f.get("truncate", rope.truncate);
    rope.attention_factor = f.get("attention_factor", 0.0);
    const double m = f.get("mscale", 0.0);
    const double all = f.get("mscale_all_dim", 0.0);
    if (rope.attention_factor == 0 && m != 0 && all != 0) {
      rope.attention_factor = yarn_scale(rope.factor, m) / yarn_scale(rope.factor, all);
    }
  }
  return rope;
}

void read_positions(const Fields& f, const Family& family, CausalLmConfig& c) {
  const bool local = family.name == "gemma3_text";
  const double theta = f.get("rope_theta", local ? 1e6 : 1e4);
  c.context = f.size("max_position_embeddings");
  const char* name = f.has("rope_parameters") ? "rope_parameters" : "rope_scaling";
  c.rope.theta = theta;
  if (f.has(name)) {
    const Fields all = f.below(name);
    const Fields rope = all.has("full_attention") ? all.below("full_attention") : all;
    c.rope = read_rope(rope, theta, c.context);
    if (local && all.has("sliding_attention")) {
      const auto sliding =
          read_rope(all.below("sliding_attention"), f.get("rope_local_base_freq", 1e4), c.context);
      MMI_CHECK(
          CheckpointError,
          sliding.kind == RopeKind::kDefault,
          "{}: positions of sliding layers cannot be stretched",
          all.source());
      c.local_rope_theta = sliding.theta;
    }
  }
  if (local && c.local_rope_theta == 0) {
    c.local_rope_theta = f.get("rope_local_base_freq", 1e4);
  }
  // Files of linear (but Gemma's) and yarn models name the context before it was stretched.
  if (c.rope.kind == RopeKind::kLinear && !family.gemma) {
    c.context = std::llround(static_cast<double>(c.context) * c.rope.factor);
  } else if (c.rope.kind == RopeKind::kYarn) {
    c.context = std::max<std::int64_t>(
        c.context, std::llround(static_cast<double>(c.rope.original_context) * c.rope.factor));
  }
}

void read_windows(const Fields& f, const Family& family, CausalLmConfig& c) {
  if (family.name == "llama" || family.name == "gemma" ||
      (family.qwen && !f.get("use_sliding_window", false))) {
    return;
  }
  c.sliding_window = std::llround(f.or_none("sliding_window", 4096));
  if (family.name == "mistral" || c.sliding_window == 0) {
    return;
  }
  if (f.has("layer_types")) {
    for (const auto& name : f.get<std::vector<std::string>>("layer_types", {})) {
      MMI_CHECK(
          CheckpointError,
          name == "full_attention" || name == "sliding_attention",
          "{}: layer_types holds \"{}\", but layers are full_attention or sliding_attention",
          f.source(),
          name);
      c.layer_types.push_back(name[0] == 'f' ? LayerKind::kFull : LayerKind::kSliding);
    }
    return;
  }
  const std::int64_t period = family.name == "gemma2" ? 2 : f.get("sliding_window_pattern", 6);
  MMI_CHECK(
      CheckpointError,
      period >= 1,
      "{}: sliding_window_pattern must be at least 1, but is {}",
      f.source(),
      period);
  const std::int64_t first = f.get("max_window_layers", 28);
  for (std::int64_t i = 0; i < c.layers; ++i) {
    const bool slides = family.qwen ? i >= first : (i + 1) % period != 0;
    c.layer_types.push_back(slides ? LayerKind::kSliding : LayerKind::kFull);
  }
}

Activation read_activation(const Fields& f, const Family& family) {
  const auto plain = f.get<std::string>("hidden_act", family.gemma ? "gelu" : "silu");
  const auto name = family.gemma ? f.get("hidden_activation", plain) : plain;
  if (name == "silu" || name == "swish") {
    return Activation::kSilu;
  }
  // Gemma's first files say gelu and mean this.
  MMI_CHECK(
      CheckpointError,
      name == "gelu_pytorch_tanh" || (family.gemma && name == "gelu"),
      "{}: the activation is \"{}\", but must be silu or gelu_pytorch_tanh",
      f.source(),
      name);
  return Activation::kGeluTanh;
}

/// One number or a list, as end ids are written.
std::vector<std::int64_t> ids_of(const json& value, const std::string& source) {
  MMI_CHECK(
      CheckpointError,
      std::none_of(value.begin(), value.end(), [](const json& id) { return id.is_number_float(); }),
      "{}: eos_token_id must be integers, but is {}",
      source,
      value.dump());
  try {
    return value.is_array() ? value.get<std::vector<std::int64_t>>()
                            : std::vector<std::int64_t>{value.get<std::int64_t>()};
  } catch (const json::exception& error) {
    throw CheckpointError(format("{}: eos_token_id: {}", source, error.what()));
  }
}

json rope_json(const RopeConfig& rope) {
  json made{
      {"rope_theta", rope.theta},
      {"rope_type", config::Codec<RopeKind>::write(rope.kind).string_value}};
  if (rope.kind == RopeKind::kDefault) {
    return made;
  }
  made["factor"] = rope.factor;
  if (rope.kind == RopeKind::kLlama3) {
    made["low_freq_factor"] = rope.low_freq_factor;
    made["high_freq_factor"] = rope.high_freq_factor;
  }
  if (rope.kind == RopeKind::kLlama3 || rope.kind == RopeKind::kYarn) {
    made["original_max_position_embeddings"] = rope.original_context;
  }
  if (rope.kind == RopeKind::kYarn) {
    made["beta_fast"] = rope.beta_fast;
    made["beta_slow"] = rope.beta_slow;
    made["truncate"] = rope.truncate;
    if (rope.attention_factor > 0) {
      made["attention_factor"] = rope.attention_factor;
    }
  }
  return made;
}

/// Equal for models that are the same.
CausalLmConfig normal(CausalLmConfig c) {
  std::vector<LayerKind> kinds;
  for (std::int64_t i = 0; c.sliding_window > 0 && i < c.layers; ++i) {
    kinds.push_back(c.slides(i) ? LayerKind::kSliding : LayerKind::kFull);
  }
  c.layer_types = kinds;
  if (c.query_scale == 0) {
    c.query_scale = static_cast<double>(c.head_dim);
  }
  if (c.rope.original_context == 0 && c.rope.kind != RopeKind::kDefault) {
    c.rope.original_context = c.context;
  }
  return c;
}

}  // namespace

CausalLmConfig from_json(const json& object, const std::string& source) {
  const Fields f(object, source);
  const Family family(f.get("model_type", std::string()), source);
  MMI_CHECK(
      CheckpointError,
      !f.has("quantization_config"),
      "{}: the checkpoint is quantised by another package; use the original one",
      source);
  MMI_CHECK(
      CheckpointError,
      !f.get("use_bidirectional_attention", false),
      "{}: bidirectional attention is not causal",
      source);
  CausalLmConfig c;
  c.family = family.name;
  c.vocab = f.size("vocab_size");
  c.hidden = f.size("hidden_size");
  c.intermediate = f.size("intermediate_size");
  c.layers = f.size("num_hidden_layers");
  c.heads = f.size("num_attention_heads");
  c.kv_heads = f.get("num_key_value_heads", c.heads);
  const std::int64_t fallback = family.gemma ? 256
                                : family.name == "qwen3"
                                    ? 128
                                    : c.hidden / std::max<std::int64_t>(1, c.heads);
  c.head_dim = f.get("head_dim", fallback);
  c.activation = read_activation(f, family);
  c.rms_eps = f.get("rms_norm_eps", 1e-6);
  c.norm_plus_one = family.gemma;
  c.embed_scale = family.gemma;
  c.tie = f.get("tie_word_embeddings", family.gemma);
  const bool bias = family.name != "mistral" && f.get("attention_bias", false);
  c.qkv_bias = family.name == "qwen2" || bias;
  c.output_bias = family.name != "qwen2" && bias;
  c.mlp_bias = family.name == "llama" && f.get("mlp_bias", false);
  c.qk_norm = family.name == "qwen3" || family.name == "gemma3_text";
  c.four_norms = family.four_norms();
  if (family.four_norms()) {
    c.query_scale = f.get("query_pre_attn_scalar", 256.0);
    c.logit_soft_cap = f.or_none("final_logit_softcapping", family.soft_capped() ? 30 : 0);
    c.attention_soft_cap = family.soft_capped() ? f.or_none("attn_logit_softcapping", 50) : 0;
  }
  read_positions(f, family, c);
  c.bos_id = f.get<std::int64_t>("bos_token_id", -1);
  c.pad_id = f.get<std::int64_t>("pad_token_id", -1);
  c.eos_ids = f.has("eos_token_id") ? ids_of(object.at("eos_token_id"), source)
                                    : std::vector<std::int64_t>();
  try {
    c.check();  // before anything is made for each of so many layers
    read_windows(f, family, c);
    c.check();
  } catch (const ConfigError& error) {
    throw CheckpointError(format("{}: {}", source, error.what()));
  }
  return c;
}

json to_json(const CausalLmConfig& c) {
  const Family family(c.family, "config");
  std::int64_t context = c.context;
  if (c.rope.kind == RopeKind::kLinear && !family.gemma) {
    context = std::llround(static_cast<double>(context) / c.rope.factor);
  }
  json made{
      {"model_type", c.family},
      {"architectures", {family.architecture}},
      {"vocab_size", c.vocab},
      {"hidden_size", c.hidden},
      {"intermediate_size", c.intermediate},
      {"num_hidden_layers", c.layers},
      {"num_attention_heads", c.heads},
      {"num_key_value_heads", c.kv_heads},
      {"head_dim", c.head_dim},
      {"max_position_embeddings", context},
      {"rms_norm_eps", c.rms_eps},
      {"tie_word_embeddings", c.tie}};
  const char* activation = c.activation == Activation::kSilu ? "silu" : "gelu_pytorch_tanh";
  made[family.four_norms() ? "hidden_activation" : "hidden_act"] = activation;
  const RopeConfig rope = normal(c).rope;
  made["rope_parameters"] = rope_json(rope);
  if (family.name == "gemma3_text") {
    RopeConfig local;
    local.theta = c.local_rope_theta;
    made["rope_parameters"] = {
        {"full_attention", rope_json(rope)}, {"sliding_attention", rope_json(local)}};
  }
  if (family.name != "mistral" && family.name != "qwen2") {
    made["attention_bias"] = c.qkv_bias;
  }
  if (family.name == "llama") {
    made["mlp_bias"] = c.mlp_bias;
  }
  if (family.four_norms()) {
    const auto or_null = [](double cap) { return cap > 0 ? json(cap) : json(); };
    made["query_pre_attn_scalar"] = std::llround(normal(c).query_scale);
    made["final_logit_softcapping"] = or_null(c.logit_soft_cap);
    made["attn_logit_softcapping"] = or_null(c.attention_soft_cap);
  }
  if (family.qwen) {
    made["use_sliding_window"] = c.sliding_window > 0;
  }
  if (family.name != "llama" && family.name != "gemma") {
    made["sliding_window"] = c.sliding_window > 0 ? json(c.sliding_window) : json();
    if (family.name != "mistral" && c.sliding_window > 0) {
      for (std::int64_t i = 0; i < c.layers; ++i) {
        made["layer_types"].push_back(c.slides(i) ? "sliding_attention" : "full_attention");
      }
    }
  }
  const auto id = [](std::int64_t value) { return value < 0 ? json() : json(value); };
  made["bos_token_id"] = id(c.bos_id);
  made["pad_token_id"] = id(c.pad_id);
  made["eos_token_id"] = c.eos_ids.empty()       ? json()
                         : c.eos_ids.size() == 1 ? json(c.eos_ids[0])
                                                 : json(c.eos_ids);
  MMI_CHECK(
      ConfigError,
      normal(from_json(made, "config")) == normal(c),
      "transformers has no {} with these flags, so that it cannot be saved",
      c.family);
  return made;
}

}  // namespace mmi::lm
