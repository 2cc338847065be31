#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>

#include "mmi/base/api.h"
#include "mmi/base/registry.h"
#include "mmi/nn/unary_module.h"

namespace mmi::models::audeo {

/// The `model` slot of audeo/video2roll: a stack of gray keyboard crops (B,frames,H,W) float in [0,
/// 1] → key logits (B,keys) of the middle frame. Filled by `video2roll`, `resnet` (Table 3.1's
/// baselines) and `encoder_head` (any registered encoder and head).
struct FrameModel {
  static constexpr const char* kRegistryKind = "frame_model";
  using Pointer = std::shared_ptr<nn::UnaryModule>;

  struct BuildArgs {
    std::int64_t frames = 5;
    std::int64_t height = 100;
    std::int64_t width = 900;
    std::int64_t keys = 51;
  };
};

}  // namespace mmi::models::audeo

MMI_DECLARE_REGISTRY(mmi::models::audeo::FrameModel);
