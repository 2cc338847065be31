#pragma once

#include <torch/types.h>

#include <array>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"

namespace mmi::heads {

/// Loss pair of generator and discriminator; d are outputs of the discriminator before any sigmoid.
///   log    D: softplus(-d_real) + softplus(d_fake), G: softplus(-d_fake)   (Goodfellow et al.,
///          2014, non-saturating)
///   mse    D: (d_real - 1)^2 + d_fake^2,            G: (d_fake - 1)^2      (Mao et al., 2017)
///   hinge  D: relu(1 - d_real) + relu(1 + d_fake),  G: -d_fake             (Lim & Ye, 2017)
enum class GanLoss { kLog, kMse, kHinge };

struct MMI_API GanConfig {
  GanLoss loss = GanLoss::kHinge;

  static const config::Schema& schema();
};

/// Scalar, the mean over the elements of an output, then over the outputs (several of a multi-scale
/// discriminator, of any shapes). Detach the generated ones before the discriminator sees them.
/// Throws ShapeError without outputs, or when there are not as many real as generated ones.
MMI_API torch::Tensor discriminator_loss(
    const GanConfig& config,
    const std::vector<torch::Tensor>& real,
    const std::vector<torch::Tensor>& generated);

MMI_API torch::Tensor generator_loss(
    const GanConfig& config, const std::vector<torch::Tensor>& generated);

}  // namespace mmi::heads

template <>
struct mmi::config::EnumNames<mmi::heads::GanLoss> {
  using E = mmi::heads::GanLoss;
  static constexpr std::array<std::pair<const char*, E>, 3> names{
      {{"log", E::kLog}, {"mse", E::kMse}, {"hinge", E::kHinge}}};
};
