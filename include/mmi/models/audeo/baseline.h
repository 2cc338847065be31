#pragma once

#include <torch/types.h>

#include <cstdint>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/encoders/resnet.h"

namespace mmi::models::audeo {

struct MMI_API ResNetBaselineConfig {
  std::int64_t in_frames = 5;  ///< grey frames stacked as channels
  std::int64_t classes = 51;   ///< keys of the output range
  double width = 1;            ///< channel multiplier of every layer
  bool slope = false;          ///< add a channel that rises from 0 (left) to 1 (right)
  bool aggregation = false;    ///< classify the pooled maps of all four stages, not of the last

  static const config::Schema& schema();
};

/// The "ResNet" rows of Table 3.1 (after Koepke et al., ICASSP 2020): ResNet18 in torchvision's
/// layout on the same five frames as Video2RollNet. Only the row name "ResNet+Aggregation+slope" is
/// published; the two flags are our reading of it.
/// (B, in_frames, H, W) float in [0, 1] -> logits (B, classes), any H and W.
/// 11,208,947 parameters; 11,234,931 with both flags.
class MMI_API ResNetBaseline : public encoders::ResNet18 {
 public:
  explicit ResNetBaseline(const ResNetBaselineConfig& config);

  torch::Tensor forward(const torch::Tensor& frames) override;

  const ResNetBaselineConfig& config() const {
    return baseline_config_;
  }

 private:
  ResNetBaselineConfig baseline_config_;
};

}  // namespace mmi::models::audeo
