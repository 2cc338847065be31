#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"

namespace mmi::nn {

/// Fields mean what they mean in PEFT's LoraConfig.
struct MMI_API LoraConfig {
  std::int64_t r = 8;
  double alpha = 8;  ///< scale = alpha / r
  double dropout = 0;
  /// Names of layers, whole or their ends ("q_proj").
  std::vector<std::string> target_modules = {"q_proj", "v_proj"};
  /// In their place: a regular expression for whole names, or "all-linear": all but lm_head.
  std::string target_pattern = "";
  bool rslora = false;  ///< scale = alpha / sqrt(r)
  /// Another r or alpha for layers whose name ends as the regular expression says.
  std::map<std::string, std::int64_t> rank_pattern = {};
  std::map<std::string, double> alpha_pattern = {};

  bool operator==(const LoraConfig&) const = default;
  static const config::Schema& schema();
};

/// Of PEFT's adapter_config.json. CheckpointError, which begins with `source`, for what is not
/// plain LoRA.
MMI_API LoraConfig lora_from_json(nlohmann::json object, const std::string& source);

/// What PEFT reads. `base` is the name or folder of the adapted model, if known.
MMI_API nlohmann::json to_json(const LoraConfig& config, const std::string& base);

}  // namespace mmi::nn
