#include "mmi/nn/lora.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <regex>

#include "mmi/base/errors.h"
#include "mmi/nn/init_context.h"
#include "nn/lora_targets.h"

namespace mmi::nn {
namespace {

std::regex expression(const std::string& text) {
  try {
    return std::regex(text);
  } catch (const std::regex_error&) {
    throw ConfigError(format("\"{}\" is no regular expression", text));
  }
}

bool is_end_of(const std::string& name, const std::string& end) {
  return name == end || name.ends_with("." + end);
}

bool is_targeted(const std::string& name, const LoraConfig& config, const std::regex& pattern) {
  if (config.target_pattern == "all-linear") {
    return !is_end_of(name, "lm_head");
  }
  if (!config.target_pattern.empty()) {
    return std::regex_match(name, pattern);
  }
  return std::any_of(
      config.target_modules.begin(), config.target_modules.end(), [&](const auto& end) {
        return is_end_of(name, end);
      });
}

/// As PEFT has it: the first key that is the name's end.
template <class Value>
Value special(
    const std::map<std::string, Value>& values, const std::string& name, const Value& usual) {
  for (const auto& [key, value] : values) {
    if (std::regex_match(name, expression("(.*\\.)?(" + key + ")"))) {
      return value;
    }
  }
  return usual;
}

void add_product(torch::nn::Module& module, bool merged) {
  const torch::NoGradGuard no_grad;
  const auto layers = lora_layers(module);
  for (const auto& [name, layer] : layers) {
    MMI_CHECK(
        ConfigError,
        layer->weight.is_floating_point(),
        "{} has int8 weights, into which no adapter can be merged",
        name);
  }
  for (const auto& [name, layer] : layers) {
    LoraAdapter& adapter = *layer->adapter;
    if (adapter.merged == merged) {
      continue;
    }
    const auto delta = adapter.delta();
    layer->weight.copy_(layer->weight.to(torch::kFloat) + (merged ? delta : -delta));
    adapter.merged = merged;
  }
}

}  // namespace

torch::Tensor LoraAdapter::forward(const torch::Tensor& x, bool training) const {
  const auto seen = training && dropout > 0 ? at::dropout(x, dropout, /*train=*/true) : x;
  return b->forward(a->forward(seen)) * scale;
}

torch::Tensor LoraAdapter::delta() const {
  return at::mm(b->weight.to(torch::kFloat), a->weight.to(torch::kFloat)) * scale;
}

std::map<std::string, LoraTarget> lora_targets(
    const torch::nn::Module& module, const LoraConfig& config) {
  const std::regex pattern = expression(config.target_pattern);
  std::map<std::string, LoraTarget> targets;
  for (const auto& item : module.named_modules("", /*include_self=*/false)) {
    const std::string& name = item.key();
    auto* layer = dynamic_cast<Linear*>(item.value().get());
    if (layer == nullptr || is_end_of(name, "lora_A") || is_end_of(name, "lora_B") ||
        !is_targeted(name, config, pattern)) {
      continue;
    }
    MMI_CHECK(ConfigError, layer->adapter == nullptr, "{} has an adapter already", name);
    const std::int64_t r = special(config.rank_pattern, name, config.r);
    MMI_CHECK(ConfigError, r >= 1, "an adapter's rank must be at least 1, but is {}", r);
    const auto size = static_cast<double>(r);
    targets[name] = {
        layer,
        r,
        special(config.alpha_pattern, name, config.alpha) /
            (config.rslora ? std::sqrt(size) : size)};
  }
  std::string wanted = config.target_pattern;
  if (wanted.empty()) {
    for (const std::string& name : config.target_modules) {
      wanted += (wanted.empty() ? "" : ", ") + name;
    }
  }
  MMI_CHECK(ConfigError, !targets.empty(), "no linear layer is called [{}]", wanted);
  return targets;
}

void attach_lora(const std::map<std::string, LoraTarget>& targets, const LoraConfig& config) {
  const auto shared = std::make_shared<const LoraConfig>(config);
  for (const auto& [name, target] : targets) {
    Linear& layer = *target.layer;
    const bool wide = layer.weight.is_cpu() || !layer.weight.is_floating_point();
    const InitContext context(
        {.device = layer.weight.device(),
         .dtype = wide ? torch::kFloat : layer.weight.scalar_type(),
         .draw = true});
    auto adapter = std::make_shared<LoraAdapter>();
    adapter->a =
        layer.register_module("lora_A", std::make_shared<Linear>(layer.weight.size(1), target.r));
    {
      const InitContext zeros(
          {.device = layer.weight.device(), .dtype = InitContext::current().dtype, .draw = false});
      adapter->b =
          layer.register_module("lora_B", std::make_shared<Linear>(target.r, layer.weight.size(0)));
    }
    const torch::NoGradGuard no_grad;
    adapter->b->weight.zero_();
    adapter->a->train(layer.is_training());
    adapter->b->train(layer.is_training());
    adapter->scale = target.scale;
    adapter->dropout = config.dropout;
    adapter->config = shared;
    layer.adapter = std::move(adapter);
  }
}

std::map<std::string, Linear*> lora_layers(const torch::nn::Module& module) {
  std::map<std::string, Linear*> layers;
  for (const auto& item : module.named_modules("", /*include_self=*/false)) {
    auto* layer = dynamic_cast<Linear*>(item.value().get());
    if (layer != nullptr && layer->adapter != nullptr) {
      layers[item.key()] = layer;
    }
  }
  MMI_CHECK(ConfigError, !layers.empty(), "no layer of this network has an adapter");
  return layers;
}

std::int64_t add_lora(torch::nn::Module& module, const LoraConfig& config) {
  const auto targets = lora_targets(module, config);
  for (torch::Tensor& parameter : module.parameters()) {
    parameter.requires_grad_(false);
  }
  attach_lora(targets, config);
  return static_cast<std::int64_t>(targets.size());
}

const LoraConfig& lora_config(const torch::nn::Module& module) {
  return *lora_layers(module).begin()->second->adapter->config;
}

void merge_lora(torch::nn::Module& module) {
  add_product(module, true);
}

void unmerge_lora(torch::nn::Module& module) {
  add_product(module, false);
}

void remove_lora(torch::nn::Module& module) {
  for (const auto& [name, layer] : lora_layers(module)) {
    layer->unregister_module("lora_A");
    layer->unregister_module("lora_B");
    layer->adapter.reset();
  }
}

}  // namespace mmi::nn
