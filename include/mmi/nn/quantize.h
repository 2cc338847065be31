#pragma once

#include <torch/nn/module.h>

#include <string>
#include <vector>

#include "mmi/base/api.h"

namespace mmi::nn {

/// Linear::quantize_int8 of every layer in `module` whose dotted name none of the globs matches,
/// one after the other. A model's output layer counts most and is spared unless told otherwise.
MMI_API void quantize_int8(
    torch::nn::Module& module, const std::vector<std::string>& except = {"lm_head"});

}  // namespace mmi::nn
