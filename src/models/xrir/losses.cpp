#include "mmi/models/xrir/losses.h"

#include "mmi/base/errors.h"
#include "mmi/models/xrir/spectrum.h"

namespace mmi::models::xrir {
namespace {

void check_same(const torch::Tensor& log_spectrum, const torch::Tensor& magnitude) {
  MMI_CHECK(
      ShapeError,
      log_spectrum.sizes() == magnitude.sizes() && log_spectrum.dim() >= 2,
      "predicted and true spectrograms must be of one shape (B, 63, T), but are {} and {}",
      log_spectrum.sizes().vec(),
      magnitude.sizes().vec());
}

// (..., 63, T) -> (..., T): energy from each frame to the end.
torch::Tensor remaining_energy(const torch::Tensor& magnitude) {
  return magnitude.square().sum(-2).flip(-1).cumsum(-1).flip(-1);
}

}  // namespace

torch::Tensor decay_levels(const torch::Tensor& magnitude) {
  const auto level = 10.0 * torch::log10(remaining_energy(magnitude) + 1e-13);
  const std::int64_t frames = level.size(-1);
  return level.narrow(-1, 1, frames - 1) - level.narrow(-1, 0, 1);
}

torch::Tensor spectrum_loss(const torch::Tensor& log_spectrum, const torch::Tensor& magnitude) {
  check_same(log_spectrum, magnitude);
  return (from_log(log_spectrum) - magnitude).abs().mean();
}

torch::Tensor decay_loss(const torch::Tensor& log_spectrum, const torch::Tensor& magnitude) {
  check_same(log_spectrum, magnitude);
  const auto alive = magnitude.square().sum(-2).narrow(-1, 1, magnitude.size(-1) - 1).ne(0);
  const auto error = (decay_levels(from_log(log_spectrum)) - decay_levels(magnitude)).abs() * alive;
  return error.sum() / alive.sum().clamp_min(1);
}

}  // namespace mmi::models::xrir
