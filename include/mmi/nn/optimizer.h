#pragma once

#include <torch/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/nn/state.h"

namespace mmi::nn {

enum class OptimizerKind { kAdam, kAdamW };

struct MMI_API OptimizerConfig {
  OptimizerKind name = OptimizerKind::kAdam;
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;

  static const config::Schema& schema();
};

/// Some parameters whose settings differ: `{parameters: ["encoder.*"], lr_factor: 0.1}`.
struct MMI_API ParameterGroup {
  std::vector<std::string> parameters;  ///< globs over state names
  double lr_factor = 1;                 ///< times the optimiser's rate
  std::optional<double> weight_decay;   ///< instead of the optimiser's

  static const config::Schema& schema();
};

/// Adam (Kingma & Ba 2015: weight decay added to the gradient) and AdamW (Loshchilov & Hutter 2019:
/// decoupled), the fused kernels of torch; steps equal torch.optim's to 1e-7. Parameters without a
/// gradient are skipped. State is tensors named "<parameter>.exp_avg", ".exp_avg_sq", ".step".
class MMI_API Optimizer {
 public:
  /// Groups that match none of `parameters` are ignored; ConfigError when two match the same one.
  Optimizer(
      NamedTensors parameters,
      const OptimizerConfig& config,
      const std::vector<ParameterGroup>& groups = {});

  void zero_grad();

  /// One update with the configured rate times `lr_factor`.
  void step(double lr_factor = 1.0);

  /// Euclidean norm of all gradients; scales them down to `max_norm` when it is larger (0: never).
  double clip_grad_norm(double max_norm);

  const NamedTensors& parameters() const {
    return parameters_;
  }

  double lr() const {
    return config_.lr;
  }

  /// One line for people per group of parameters: count, rate, weight decay.
  std::vector<std::string> describe() const;

  /// Name of the first parameter whose gradient is not finite, "" when there is none.
  std::string first_bad_gradient() const;

  NamedTensors state() const;

  /// Copies; CheckpointError when a name is missing.
  void load_state(const NamedTensors& tensors, const std::string& source);

 private:
  struct Group {
    double lr;
    double weight_decay;
    std::vector<std::size_t> members;  ///< indices into parameters_
  };

  OptimizerConfig config_;
  NamedTensors parameters_;
  std::vector<Group> groups_;
  std::vector<torch::Tensor> exp_avg_;
  std::vector<torch::Tensor> exp_avg_sq_;
  std::vector<torch::Tensor> step_;
};

}  // namespace mmi::nn

template <>
struct mmi::config::EnumNames<mmi::nn::OptimizerKind> {
  static constexpr std::array<std::pair<const char*, mmi::nn::OptimizerKind>, 2> names{{
      {"adam", mmi::nn::OptimizerKind::kAdam},
      {"adamw", mmi::nn::OptimizerKind::kAdamW},
  }};
};
