#pragma once

#include <torch/types.h>

#include <cstdint>

#include "mmi/base/api.h"

namespace mmi::models::codec {

/// Scale-invariant signal-to-distortion ratio in dB (Le Roux et al., "SDR - half-baked or well
/// done?", ICASSP 2019), of (N) both, means removed. Larger is better; at most about 80.
MMI_API double si_sdr_db(const torch::Tensor& estimate, const torch::Tensor& truth);

/// Signal-to-noise ratio in dB.
MMI_API double snr_db(const torch::Tensor& estimate, const torch::Tensor& truth);

/// Mean over frames of the root mean square difference of log power spectra in dB, windows of 1024,
/// hop 256, powers below 1e-8 of full scale taken as that (Gray & Markel 1976). (N) both.
MMI_API double log_spectral_distance_db(const torch::Tensor& estimate, const torch::Tensor& truth);

}  // namespace mmi::models::codec
