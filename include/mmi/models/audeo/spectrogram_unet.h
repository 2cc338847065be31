#pragma once

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/nn/unary_module.h"

namespace mmi::models::audeo {

struct MMI_API SpectrogramUNetConfig {
  std::int64_t base = 16;  ///< channels of the first level; each level doubles them
  std::int64_t depth = 4;  ///< number of poolings

  static const config::Schema& schema();
};

/// The refinement U-Net behind PerfNet (thesis 3.2.3; its layout is unpublished, spec §3.6): log
/// spectrogram (B, 1, F, T) -> the same, refined. Two conv3x3-BN-ReLU a level, max-pool 2,
/// transposed conv 2x2, skips; predicts a residual, which is zero at first. Any size: padded with
/// its edge values to multiples of 2^depth. 1.94 M parameters by default.
class MMI_API SpectrogramUNet : public nn::UnaryModule {
 public:
  explicit SpectrogramUNet(const SpectrogramUNetConfig& config);

  torch::Tensor forward(const torch::Tensor& spectrogram) override;

 private:
  SpectrogramUNetConfig config_;
  std::vector<torch::nn::Sequential> down_;  ///< depth levels and the bottom
  std::vector<torch::nn::ConvTranspose2d> up_;
  std::vector<torch::nn::Sequential> merge_;
  torch::nn::Conv2d out_{nullptr};
};

}  // namespace mmi::models::audeo
