#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/dsp/room_measures.h"

/// Rows of Table 8.1 that learn nothing, and the scores of all rows (specs/ch08 §6, §7).
namespace mmi::models::xrir {

/// Index of the reference whose source is nearest to the target's: source (B,3), references (B,K,3)
/// -> (B) int64.
MMI_API torch::Tensor nearest_reference(
    const torch::Tensor& source, const torch::Tensor& references);

/// Weights of the references, inverse to their sources' distance from the target's, sum 1; one that
/// lies at the target takes all. -> (B,K).
MMI_API torch::Tensor inverse_distance_weights(
    const torch::Tensor& source, const torch::Tensor& references);

/// The nearest reference as it is, or shifted and scaled as xRIR's references are ("NN-aligned").
/// responses (B,K,N) -> (B,N).
MMI_API torch::Tensor nearest_response(
    const torch::Tensor& responses,
    const torch::Tensor& source,
    const torch::Tensor& references,
    bool aligned);

/// Weighted sum of the waveforms, as the thesis' linear interpolation. -> (B,N).
MMI_API torch::Tensor linear_response(
    const torch::Tensor& responses, const torch::Tensor& source, const torch::Tensor& references);

/// Weighted sum of the log spectrograms of the aligned responses; `uniform`: with weights 1 / K.
/// -> (B,63,T).
MMI_API torch::Tensor interpolated_log_spectrum(
    const torch::Tensor& responses,
    const torch::Tensor& source,
    const torch::Tensor& references,
    bool uniform = false);

/// Errors of predicted responses against the true ones over their first `samples` (8000 for
/// AcousticRooms), by the conventions of the published evaluation. predicted (B,M), truth (B,N).
MMI_API std::vector<dsp::RoomErrors> response_errors(
    const torch::Tensor& predicted,
    const torch::Tensor& truth,
    const dsp::RoomMeasureConfig& cfg,
    std::int64_t samples = 8000);

}  // namespace mmi::models::xrir
