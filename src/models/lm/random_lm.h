#pragma once

#include <torch/types.h>

#include <memory>
#include <string>

#include "mmi/lm/causal_lm.h"
#include "mmi/nn/layers.h"

namespace mmi::models::lm {

/// Makes the layer int8 and gives the memory of its weights back to the system, which the command
/// `mmi` by itself keeps for later.
void shrink(nn::MatrixLayer& layer);

/// A published size with weights that mean nothing, for measuring: N(0,0.02^2), a block of which
/// is repeated, as drawing billions takes minutes. `int8`: CausalLm::products are so.
std::shared_ptr<mmi::lm::CausalLm> random_lm(
    const std::string& name, torch::ScalarType dtype, bool int8);

}  // namespace mmi::models::lm
