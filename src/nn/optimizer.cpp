#include "mmi/nn/optimizer.h"

#include <map>
#include <set>

#include "mmi/base/errors.h"

namespace mmi::nn {

const config::Schema& OptimizerConfig::schema() {
  static const config::Schema made =
      config::Table<OptimizerConfig>("optimizer", "Adam or AdamW")
          .field("name", &OptimizerConfig::name, "update rule")
          .field("lr", &OptimizerConfig::lr, "learning rate", config::above(0))
          .field(
              "beta1", &OptimizerConfig::beta1, "decay of the first moment", config::between(0, 1))
          .field(
              "beta2", &OptimizerConfig::beta2, "decay of the second moment", config::between(0, 1))
          .field("eps", &OptimizerConfig::eps, "added to the denominator", config::above(0))
          .field("weight_decay", &OptimizerConfig::weight_decay, "L2 penalty", config::at_least(0));
  return made;
}

const config::Schema& ParameterGroup::schema() {
  static const config::Schema made =
      config::Table<ParameterGroup>("parameter_group", "parameters with settings of their own")
          .field("parameters", &ParameterGroup::parameters, "globs over names (\"encoder.*\")")
          .field(
              "lr_factor",
              &ParameterGroup::lr_factor,
              "times the optimiser's rate",
              config::at_least(0))
          .field(
              "weight_decay",
              &ParameterGroup::weight_decay,
              "instead of the optimiser's",
              config::at_least(0));
  return made;
}

Optimizer::Optimizer(
    NamedTensors parameters,
    const OptimizerConfig& config,
    const std::vector<ParameterGroup>& groups)
    : config_(config), parameters_(std::move(parameters)) {
  groups_.push_back({config_.lr, config_.weight_decay, {}});
  for (const ParameterGroup& group : groups) {
    groups_.push_back(
        {config_.lr * group.lr_factor, group.weight_decay.value_or(config_.weight_decay), {}});
  }
  for (const auto& [name, parameter] : parameters_) {
    std::size_t chosen = 0;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      for (const std::string& glob : groups[g].parameters) {
        if (!glob_match(glob, name)) {
          continue;
        }
        MMI_CHECK(
            ConfigError,
            chosen == 0 || chosen == g + 1,
            "the parameter {} is in two groups; make their globs narrower",
            name);
        chosen = g + 1;
      }
    }
    groups_[chosen].members.push_back(exp_avg_.size());
    exp_avg_.push_back(torch::zeros_like(parameter, torch::MemoryFormat::Preserve));
    exp_avg_sq_.push_back(torch::zeros_like(parameter, torch::MemoryFormat::Preserve));
    step_.push_back(torch::zeros({}, parameter.options().dtype(torch::kFloat32)));
  }
}

void Optimizer::zero_grad() {
  for (auto& [name, parameter] : parameters_) {
    parameter.mutable_grad().reset();
  }
}

void Optimizer::step(double lr_factor) {
  const torch::NoGradGuard no_grad;
  const auto update = config_.name == OptimizerKind::kAdam ? at::_ops::_fused_adam_::call
                                                           : at::_ops::_fused_adamw_::call;
  for (const Group& group : groups_) {
    std::vector<torch::Tensor> parameters;
    std::vector<torch::Tensor> gradients;
    std::vector<torch::Tensor> first;
    std::vector<torch::Tensor> second;
    std::vector<torch::Tensor> steps;
    for (const std::size_t i : group.members) {
      if (!parameters_[i].second.grad().defined()) {
        continue;
      }
      parameters.push_back(parameters_[i].second);
      gradients.push_back(parameters_[i].second.grad());
      first.push_back(exp_avg_[i]);
      second.push_back(exp_avg_sq_[i]);
      steps.push_back(step_[i]);
      step_[i].add_(1);
    }
    if (parameters.empty()) {
      continue;
    }
    update(
        parameters,
        gradients,
        first,
        second,
        {},
        steps,
        group.lr * lr_factor,
        config_.beta1,
        config_.beta2,
        group.weight_decay,
        config_.eps,
        /*amsgrad=*/false,
        /*maximize=*/false,
        /*grad_scale=*/{},
        /*found_inf=*/{});
  }
}

std::vector<std::string> Optimizer::describe() const {
  std::vector<std::string> lines;
  for (const Group& group : groups_) {
    std::int64_t count = 0;
    for (const std::size_t i : group.members) {
      count += parameters_[i].second.numel();
    }
    if (!group.members.empty()) {
      lines.push_back(format(
          "{} parameters in {} tensors ({}, …), lr {}, weight decay {}",
          count,
          group.members.size(),
          parameters_[group.members.front()].first,
          group.lr,
          group.weight_decay));
    }
  }
  return lines;
}

std::string Optimizer::first_bad_gradient() const {
  const torch::NoGradGuard no_grad;
  for (const auto& [name, parameter] : parameters_) {
    if (parameter.grad().defined() && !torch::isfinite(parameter.grad()).all().item<bool>()) {
      return name;
    }
  }
  return "";
}

double Optimizer::clip_grad_norm(double max_norm) {
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> gradients;
  for (const auto& [name, parameter] : parameters_) {
    if (parameter.grad().defined()) {
      gradients.push_back(parameter.grad());
    }
  }
  if (gradients.empty()) {
    return 0;
  }
  const auto norms = at::_foreach_norm(gradients, 2);
  const double norm = torch::stack(norms).norm().item<double>();
  if (max_norm > 0 && norm > max_norm) {
    at::_foreach_mul_(gradients, max_norm / (norm + 1e-6));
  }
  return norm;
}

NamedTensors Optimizer::state() const {
  NamedTensors tensors;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const std::string& name = parameters_[i].first;
    tensors.emplace_back(name + ".exp_avg", exp_avg_[i]);
    tensors.emplace_back(name + ".exp_avg_sq", exp_avg_sq_[i]);
    tensors.emplace_back(name + ".step", step_[i]);
  }
  return tensors;
}

void Optimizer::load_state(const NamedTensors& tensors, const std::string& source) {
  const std::map<std::string, torch::Tensor> given(tensors.begin(), tensors.end());
  const torch::NoGradGuard no_grad;
  for (auto& [name, tensor] : state()) {
    const auto at = given.find(name);
    MMI_CHECK(CheckpointError, at != given.end(), "{} lacks the optimiser state {}", source, name);
    tensor.copy_(at->second);
  }
}

}  // namespace mmi::nn
