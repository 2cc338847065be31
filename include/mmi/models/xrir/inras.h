#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include <cstdint>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/worlds/rooms/scene.h"

namespace mmi::models::xrir {

struct MMI_API InrasConfig {
  std::int64_t points = 40;  ///< bounce points
  std::int64_t width = 128;  ///< of all features
  std::int64_t position_frequencies = 6;
  std::int64_t time_frequencies = 10;
  double position_scale_m = 5;
  std::int64_t frames = 310;  ///< T
  double log_bias = -6;       ///< where the ln magnitudes begin

  static const config::Schema& schema();
};

/// Points spread over the surfaces of the room itself, furniture left out: each as far as can be
/// from those before. (count,3) float32, metres; a function of the scene alone.
MMI_API torch::Tensor bounce_points(const worlds::rooms::Scene& scene, std::int64_t count);

/// INRAS-lite after Su, Chen & Shlizerman, "INRAS: Implicit Neural Representation for Audio
/// Scenes", NeurIPS 2022 (spec ch08 §7): one room in the weights of a network, which hears no
/// reference. Sound goes from the source to fixed points of the boundary and from there to the
/// receiver; the two ways and the points have a network each, and the mean of the products over the
/// points is joined with a time basis. Predicts the ln magnitudes that xRIR predicts.
class MMI_API Inras : public torch::nn::Module {
 public:
  /// `points` (J,3) float32.
  Inras(const InrasConfig& config, const torch::Tensor& points);

  /// Places of sources and receivers (B,3), scene coordinates -> (B,63,T) ln magnitudes.
  torch::Tensor forward(const torch::Tensor& source, const torch::Tensor& receiver);

 private:
  torch::Tensor features(const torch::Tensor& way) const;

  InrasConfig config_;
  torch::Tensor points;  // (J,3), part of the state
  torch::Tensor time_;   // (T, functions)
  torch::nn::Sequential emit{nullptr};
  torch::nn::Sequential bounce{nullptr};
  torch::nn::Sequential gather{nullptr};
  torch::nn::Sequential time{nullptr};
  torch::nn::Linear mix{nullptr};
  torch::nn::Sequential decode{nullptr};
};

}  // namespace mmi::models::xrir
