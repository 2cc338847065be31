#include "mmi/nn/ema.h"

#include <algorithm>
#include <map>

#include "mmi/base/errors.h"

namespace mmi::nn {

const config::Schema& EmaConfig::schema() {
  static const config::Schema made =
      config::Table<EmaConfig>("ema", "moving average of the weights, used in place of the last")
          .field("decay", &EmaConfig::decay, "weight of the past", config::between(0, 1))
          .field("warmup", &EmaConfig::warmup, "shorter memory in the first steps");
  return made;
}

Ema::Ema(const torch::nn::Module& module, const EmaConfig& config)
    : config_(config), module_(module) {
  for (const StateEntry& entry : state_of(module)) {
    if (entry.is_parameter && entry.alias_of.empty() && entry.tensor.is_floating_point()) {
      parameters_.emplace_back(entry.name, entry.tensor);
      average_.push_back(entry.tensor.detach().to(torch::kFloat32, false, /*copy=*/true));
    }
  }
}

void Ema::update(std::int64_t step) {
  const torch::NoGradGuard no_grad;
  const auto n = static_cast<double>(step);
  const double decay = config_.warmup ? std::min(config_.decay, (1 + n) / (10 + n)) : config_.decay;
  std::vector<torch::Tensor> now;
  now.reserve(parameters_.size());
  for (const auto& [name, parameter] : parameters_) {
    now.push_back(parameter.detach().to(torch::kFloat32));
  }
  at::_foreach_lerp_(average_, now, 1 - decay);
}

NamedTensors Ema::state() const {
  std::map<std::string, torch::Tensor> averages;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    averages[parameters_[i].first] = average_[i];
  }
  NamedTensors tensors;
  for (const StateEntry& entry : state_of(module_)) {
    if (entry.alias_of.empty()) {
      const auto at = averages.find(entry.name);
      tensors.emplace_back(entry.name, at == averages.end() ? entry.tensor : at->second);
    }
  }
  return tensors;
}

void Ema::load_state(const NamedTensors& tensors, const std::string& source) {
  const torch::NoGradGuard no_grad;
  const std::map<std::string, torch::Tensor> given(tensors.begin(), tensors.end());
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const auto at = given.find(parameters_[i].first);
    MMI_CHECK(
        CheckpointError,
        at != given.end(),
        "{} lacks the average of {}",
        source,
        parameters_[i].first);
    average_[i].copy_(at->second);
  }
}

void Ema::swap() {
  const torch::NoGradGuard no_grad;
  const bool back = !own_.empty();
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    torch::Tensor parameter = parameters_[i].second;
    if (back) {
      parameter.copy_(own_[i]);
    } else {
      own_.push_back(parameter.detach().clone());
      parameter.copy_(average_[i]);
    }
  }
  if (back) {
    own_.clear();
  }
}

}  // namespace mmi::nn
