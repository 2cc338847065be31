#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include "mmi/base/api.h"

namespace mmi::nn {

/// A network with one tensor in and one tensor out. Children, parameters and buffers are registered
/// under the names of the published checkpoint.
class MMI_API UnaryModule : public torch::nn::Module {
 public:
  virtual torch::Tensor forward(const torch::Tensor& input) = 0;
};

}  // namespace mmi::nn
