#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/conv.h>
#include <torch/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"

namespace mmi::models::audeo {

inline constexpr std::int64_t kMidiPitches = 128;

struct MMI_API PerfNetConfig {
  double width = 1;          ///< channel multiplier of the hidden layers
  std::int64_t bins = 1025;  ///< of the spectrogram, n_fft / 2 + 1

  static const config::Schema& schema();
};

/// Convolutions of contour encoder and onset-offset encoder; defined in perfnet.cpp.
class PerfNetDown;
class PerfNetUp;

/// Multi-band residual block (MBR): channels in `bands` equal parts, each conv-norm-leaky-conv-norm
/// = F; x -> 2x + F(x). (B, C, T) -> (B, C, T).
class MMI_API MultiBandResidual : public torch::nn::Module {
 public:
  MultiBandResidual(std::int64_t channels, std::int64_t bands);

  torch::Tensor forward(const torch::Tensor& x);

 private:
  torch::Tensor banded(const torch::nn::ModuleList& list, const torch::Tensor& x) const;

  std::int64_t bands_;
  torch::nn::ModuleList conv_list1;
  torch::nn::ModuleList conv_list2;
};

/// Maps of PerfNet, each (B, C, T').
struct PerfNetActivations {
  std::vector<torch::Tensor> down;   ///< contour encoder, before pooling, 5
  std::vector<torch::Tensor> onoff;  ///< conditions: encoder blocks 2 and 3
  std::vector<torch::Tensor> up;     ///< 4
  std::vector<torch::Tensor> bands;  ///< texture, after each MBR, 4
  torch::Tensor spectrogram;         ///< (B, bins, T)
};

/// PerformanceNet (Wang & Yang, AAAI 2019; Audeo's PerfNet; official key names): score (B, 128, T)
/// in [0, 1] and its onsets (+1) and offsets (-1) (B, 128, T) -> log spectrogram (B, bins, T).
/// 249,804,801 parameters at width 1. T >= 32; the published 860 frames come out as they are, of
/// other lengths the longer output is cropped to T; a shorter one is avoided by silence behind the
/// score.
class MMI_API PerfNet : public torch::nn::Module {
 public:
  explicit PerfNet(const PerfNetConfig& config);

  torch::Tensor forward(const torch::Tensor& score, const torch::Tensor& onoff);

  PerfNetActivations activations(const torch::Tensor& score, const torch::Tensor& onoff);

  const PerfNetConfig& config() const {
    return config_;
  }

 private:
  PerfNetConfig config_;
  std::vector<std::shared_ptr<PerfNetDown>> down_;
  std::vector<std::shared_ptr<PerfNetDown>> onoff_;
  std::vector<std::shared_ptr<PerfNetUp>> up_;
  std::array<std::shared_ptr<MultiBandResidual>, 4> texture_;
  torch::nn::ConvTranspose1d lastconv{nullptr};
};

}  // namespace mmi::models::audeo
