#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "mmi/nn/lora.h"

namespace mmi::nn {

/// A layer that an adapter is meant for.
struct LoraTarget {
  Linear* layer = nullptr;
  std::int64_t r = 0;
  double scale = 0;
};

/// By name. ConfigError where there is none, for an expression that can't be read and for ranks
/// below 1.
std::map<std::string, LoraTarget> lora_targets(
    const torch::nn::Module& module, const LoraConfig& config);

void attach_lora(const std::map<std::string, LoraTarget>& targets, const LoraConfig& config);

/// Layers that have an adapter. ConfigError if none has.
std::map<std::string, Linear*> lora_layers(const torch::nn::Module& module);

}  // namespace mmi::nn
