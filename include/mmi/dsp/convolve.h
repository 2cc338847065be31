#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>

#include "mmi/base/api.h"

namespace mmi::dsp {

/// Linear convolution by FFT: signal (..., N), response (..., L), leading dimensions broadcast ->
/// (..., N + L - 1). Long signals go block by block (overlap-add), so that memory for spectra grows
/// with the response alone. Differentiable. ShapeError for an empty one.
MMI_API torch::Tensor convolve(const torch::Tensor& signal, const torch::Tensor& response);

/// What someone hears who moves: y(t) = (h_t * x)(t), where h_t goes through the responses of
/// `steps` places, one every `hop_samples` of y, linearly from each to the next, and stays at the
/// last. signal (N) and response(step) -> (C, L) of one shape, asked for once each, in order ->
/// (C, N + L - 1). Equal responses give what convolve() gives. ShapeError, ConfigError.
MMI_API torch::Tensor convolve_moving(
    const torch::Tensor& signal,
    std::int64_t steps,
    std::int64_t hop_samples,
    const std::function<torch::Tensor(std::int64_t)>& response);

}  // namespace mmi::dsp
