// PEFT's adapter_config.json <-> LoraConfig.
#include "mmi/nn/lora_config.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <regex>
#include <string_view>

#include "mmi/base/errors.h"

namespace mmi::nn {
namespace {

using nlohmann::json;

// Fields of adapter_config.json that don't change what the adapter computes.
constexpr std::array<std::string_view, 14> kHarmless{
    "auto_mapping",
    "base_model_name_or_path",
    "ensure_weight_tying",
    "eva_config",
    "inference_mode",
    "lora_ga_config",
    "loftq_config",
    "megatron_core",
    "peft_type",
    "peft_version",
    "qalora_group_size",
    "revision",
    "runtime_config",
    "task_type"};

bool is_off(const json& value) {
  return value.is_null() || value == false || value == "none" ||
         (value.is_structured() && value.empty());
}

/// Reads one field and forgets it.
template <class Value>
void take(json& fields, const std::string& name, Value& to, const std::string& source) {
  const auto found = fields.find(name);
  if (found == fields.end()) {
    return;
  }
  if (!found->is_null()) {
    // Integers are not cast from numbers that may be beyond all of them.
    constexpr bool kIntegers = std::is_same_v<Value, std::int64_t> ||
                               std::is_same_v<Value, std::map<std::string, std::int64_t>>;
    const auto is_float = [](const json& one) { return one.is_number_float(); };
    MMI_CHECK(
        CheckpointError,
        !kIntegers || std::none_of(found->begin(), found->end(), is_float),
        "{}: {} is {}, which fits no adapter",
        source,
        name,
        found->dump());
    try {
      to = found->get<Value>();
    } catch (const json::exception&) {
      throw CheckpointError(
          format("{}: {} is {}, which fits no adapter", source, name, found->dump()));
    }
  }
  fields.erase(found);
}

/// How A and B were drawn is past, unless the base was changed along with it.
bool keeps_base(const json& init) {
  return init.is_boolean() || init.is_null() || init == "gaussian" || init == "eva" ||
         init == "orthogonal";
}

/// Longer ones would outgrow the stack: the library compiles them by recursion.
constexpr std::size_t kLongestExpression = 2000;

void check_expression(const std::string& text, const std::string& source) {
  bool good = text.size() <= kLongestExpression;
  try {
    good = good && (std::regex(text), true);
  } catch (const std::regex_error&) {
    good = false;
  }
  MMI_CHECK(
      CheckpointError,
      good,
      "{}: \"{}\" is no regular expression of up to {} characters",
      source,
      text.substr(0, 60),
      kLongestExpression);
}

}  // namespace

LoraConfig lora_from_json(json fields, const std::string& source) {
  MMI_CHECK(CheckpointError, fields.is_object(), "{}: is no object", source);
  std::string type;
  take(fields, "peft_type", type, source);
  MMI_CHECK(
      CheckpointError,
      type == "LORA",
      "{}: peft_type is \"{}\"; only LORA can be read",
      source,
      type);
  bool dora = false;
  take(fields, "use_dora", dora, source);
  MMI_CHECK(CheckpointError, !dora, "{}: DoRA adapters (use_dora) can't be read", source);
  LoraConfig config;
  take(fields, "r", config.r, source);
  take(fields, "lora_alpha", config.alpha, source);
  take(fields, "lora_dropout", config.dropout, source);
  take(fields, "use_rslora", config.rslora, source);
  take(fields, "rank_pattern", config.rank_pattern, source);
  take(fields, "alpha_pattern", config.alpha_pattern, source);
  const auto targets = fields.find("target_modules");
  if (targets != fields.end() && targets->is_string()) {
    take(fields, "target_modules", config.target_pattern, source);
  } else {
    config.target_modules.clear();
    take(fields, "target_modules", config.target_modules, source);
  }
  const auto init = fields.find("init_lora_weights");
  if (init != fields.end()) {
    MMI_CHECK(
        CheckpointError,
        keeps_base(*init),
        "{}: init_lora_weights {} has changed the base's weights, which can't be done here; "
        "convert the adapter to plain LoRA with PEFT's save_pretrained(path_initial_model_for_"
        "weight_conversion=…)",
        source,
        init->dump());
    fields.erase(init);
  }
  for (const auto& [name, value] : fields.items()) {
    MMI_CHECK(
        CheckpointError,
        is_off(value) || std::find(kHarmless.begin(), kHarmless.end(), name) != kHarmless.end(),
        "{}: {} = {} is more than plain LoRA, which alone can be read",
        source,
        name,
        value.dump());
  }
  MMI_CHECK(
      CheckpointError,
      config.r >= 1 && config.dropout >= 0 && config.dropout < 1,
      "{}: r is {} and lora_dropout {}, which fits no adapter",
      source,
      config.r,
      config.dropout);
  check_expression(config.target_pattern, source);
  for (const auto& [name, r] : config.rank_pattern) {
    check_expression(name, source);
  }
  for (const auto& [name, alpha] : config.alpha_pattern) {
    check_expression(name, source);
  }
  return config;
}

const config::Schema& LoraConfig::schema() {
  using C = LoraConfig;
  static const config::Schema made =
      config::Table<C>("lora", "low-rank adapters of linear layers, as in PEFT's LoraConfig")
          .field("r", &C::r, "rank of the matrices A and B", config::at_least(1))
          .field("alpha", &C::alpha, "what they add is scaled by alpha / r")
          .field("dropout", &C::dropout, "share of inputs unseen in training", {0, 1})
          .field("target_modules", &C::target_modules, "names of layers, whole or their ends")
          .field(
              "target_pattern",
              &C::target_pattern,
              "in their place: a regular expression for whole names, or all-linear")
          .field("rslora", &C::rslora, "scales by alpha / sqrt(r)")
          .field(
              "rank_pattern",
              &C::rank_pattern,
              "another r for layers whose name ends as the regular expression says")
          .field("alpha_pattern", &C::alpha_pattern, "likewise another alpha");
  return made;
}

json to_json(const LoraConfig& config, const std::string& base) {
  return {
      {"peft_type", "LORA"},
      {"task_type", "CAUSAL_LM"},
      {"base_model_name_or_path", base.empty() ? json() : json(base)},
      {"r", config.r},
      {"lora_alpha", config.alpha},
      {"lora_dropout", config.dropout},
      {"target_modules",
       config.target_pattern.empty() ? json(config.target_modules) : json(config.target_pattern)},
      {"use_rslora", config.rslora},
      {"rank_pattern", config.rank_pattern},
      {"alpha_pattern", config.alpha_pattern},
      {"bias", "none"},
      {"fan_in_fan_out", false},
      {"inference_mode", true},
      {"init_lora_weights", true},
      {"modules_to_save", json()},
      {"use_dora", false}};
}

}  // namespace mmi::nn
