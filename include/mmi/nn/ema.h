#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <string>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/nn/state.h"

namespace mmi::nn {

struct MMI_API EmaConfig {
  double decay = 0.999;
  bool warmup = true;

  static const config::Schema& schema();
};

/// Exponential moving average of the weights (Polyak & Juditsky 1992). Floating-point parameters
/// are averaged in float32; buffers are copied from the network when they are asked for.
class MMI_API Ema {
 public:
  /// Begins with the weights as they are.
  Ema(const torch::nn::Module& module, const EmaConfig& config);

  /// After optimiser step `step` (from 1). With warm-up the decay is min(decay,
  /// (1+step)/(10+step)), so that the first weights are soon forgotten.
  void update(std::int64_t step);

  /// Averaged parameters under their names; the network's own buffers.
  NamedTensors state() const;

  /// Copies; CheckpointError when a name is missing. `source` names the file in messages.
  void load_state(const NamedTensors& tensors, const std::string& source);

  /// Puts the average in the place of the network's own parameters, or those back again.
  void swap();

 private:
  EmaConfig config_;
  const torch::nn::Module& module_;
  NamedTensors parameters_;  ///< the network's
  std::vector<torch::Tensor> average_;
  std::vector<torch::Tensor> own_;  ///< of the network, while the average is in their place
};

}  // namespace mmi::nn
