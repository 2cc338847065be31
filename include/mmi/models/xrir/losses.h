#pragma once

#include <torch/types.h>

#include "mmi/base/api.h"

namespace mmi::models::xrir {

/// Energy decay of magnitudes (..., 63, T) in dB: 10 log10 of the energy from each frame on, plus
/// 1e-13, relative to the first frame; that frame, which is 0, is left out: (..., T - 1).
MMI_API torch::Tensor decay_levels(const torch::Tensor& magnitude);

/// Mean of |exp(S) - 1e-8 - magnitude|, S the predicted log spectrogram; both (B,63,T). Scalar.
MMI_API torch::Tensor spectrum_loss(
    const torch::Tensor& log_spectrum, const torch::Tensor& magnitude);

/// Mean absolute difference of decay levels in dB over the frames in which the true response still
/// has energy. Scalar.
MMI_API torch::Tensor decay_loss(const torch::Tensor& log_spectrum, const torch::Tensor& magnitude);

}  // namespace mmi::models::xrir
