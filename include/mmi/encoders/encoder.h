#pragma once

#include <torch/types.h>

#include <cstdint>

#include "mmi/base/api.h"
#include "mmi/base/registry.h"
#include "mmi/nn/unary_module.h"

namespace mmi::encoders {

/// The `encoder` slot: images or frame stacks (B,C,H,W) float in [0, 1] → features (B,T,D); T is 1
/// for an encoder of single pictures.
class MMI_API Encoder : public nn::UnaryModule {
 public:
  static constexpr const char* kRegistryKind = "encoder";

  struct BuildArgs {
    std::int64_t in_channels = 3;
    std::int64_t height = 224;
    std::int64_t width = 224;
  };

  /// D.
  virtual std::int64_t feature_size() const = 0;
};

/// Fills the encoder registry.
MMI_API void register_encoders();

}  // namespace mmi::encoders

MMI_DECLARE_REGISTRY(mmi::encoders::Encoder);
