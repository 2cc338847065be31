#pragma once

#include <torch/types.h>

#include "mmi/base/api.h"

namespace mmi::nn {

/// Where and how layers are made.
struct InitOptions {
  torch::Device device = torch::kCPU;       ///< meta: sizes only, no memory
  torch::ScalarType dtype = torch::kFloat;  ///< of all parameters
  /// Draws weights from torch's generator. Otherwise a checkpoint or the owner fills them; biases
  /// and norms hold their start values either way.
  bool draw = true;
};

/// The options of the layers that this thread makes while the object lives; the innermost counts.
///   const nn::InitContext context({.device = torch::kMeta});
///   const nn::Linear layer(4096, 11008);   // no memory
class MMI_API InitContext {
 public:
  explicit InitContext(const InitOptions& options);
  ~InitContext();
  InitContext(const InitContext&) = delete;
  InitContext& operator=(const InitContext&) = delete;

  /// Those of a plain InitOptions where there is no context.
  static const InitOptions& current();

  /// Device and dtype of the current context.
  static torch::TensorOptions tensors();

 private:
  InitOptions options_;
  const InitOptions* outer_;
};

}  // namespace mmi::nn
