#pragma once

#include <torch/types.h>

#include <cstdint>

#include "mmi/base/api.h"
#include "mmi/base/registry.h"
#include "mmi/nn/unary_module.h"

namespace mmi::heads {

/// The `head` slot: features (B,T,D) float → logits (B,T,K).
class MMI_API Head : public nn::UnaryModule {
 public:
  static constexpr const char* kRegistryKind = "head";

  struct BuildArgs {
    std::int64_t in_features = 1;   ///< D
    std::int64_t out_features = 1;  ///< K
  };
};

/// Fills the registries of heads and token heads.
MMI_API void register_heads();

}  // namespace mmi::heads

MMI_DECLARE_REGISTRY(mmi::heads::Head);
