#include "mmi/models/xrir/baselines.h"

#include <ATen/Parallel.h>

#include "mmi/base/errors.h"
#include "mmi/base/parallel.h"
#include "mmi/models/xrir/spectrum.h"

namespace mmi::models::xrir {
namespace {

// (B,K)
torch::Tensor distances(const torch::Tensor& source, const torch::Tensor& references) {
  MMI_CHECK(
      ShapeError,
      source.dim() == 2 && references.dim() == 3 && references.size(0) == source.size(0),
      "source must be (B, 3) and references (B, K, 3), not {} and {}",
      source.sizes().vec(),
      references.sizes().vec());
  return (references - source.unsqueeze(1)).norm(2, -1);
}

}  // namespace

torch::Tensor nearest_reference(const torch::Tensor& source, const torch::Tensor& references) {
  return distances(source, references).argmin(1);
}

torch::Tensor inverse_distance_weights(
    const torch::Tensor& source, const torch::Tensor& references) {
  const auto weights = 1.0 / distances(source, references).clamp_min(1e-9);
  return weights / weights.sum(1, true);
}

torch::Tensor nearest_response(
    const torch::Tensor& responses,
    const torch::Tensor& source,
    const torch::Tensor& references,
    bool aligned) {
  const auto from = aligned ? align(responses, source, references) : responses;
  const auto index = nearest_reference(source, references).view({-1, 1, 1});
  return from.gather(1, index.expand({-1, 1, responses.size(2)})).squeeze(1);
}

torch::Tensor linear_response(
    const torch::Tensor& responses, const torch::Tensor& source, const torch::Tensor& references) {
  return (inverse_distance_weights(source, references).unsqueeze(2) * responses).sum(1);
}

torch::Tensor interpolated_log_spectrum(
    const torch::Tensor& responses,
    const torch::Tensor& source,
    const torch::Tensor& references,
    bool uniform) {
  const auto logs = to_log(magnitudes(align(responses, source, references)));
  if (uniform) {
    return logs.mean(1);
  }
  const auto weights = inverse_distance_weights(source, references);
  return (weights.unsqueeze(2).unsqueeze(3) * logs).sum(1);
}

std::vector<dsp::RoomErrors> response_errors(
    const torch::Tensor& predicted,
    const torch::Tensor& truth,
    const dsp::RoomMeasureConfig& cfg,
    std::int64_t samples) {
  MMI_CHECK(
      ShapeError,
      predicted.dim() == 2 && truth.dim() == 2 && predicted.size(0) == truth.size(0),
      "predicted and true responses must be (B, N), but are {} and {}",
      predicted.sizes().vec(),
      truth.sizes().vec());
  const auto rows = [&](const torch::Tensor& t) {
    return t.to(torch::kCPU, torch::kFloat32)
        .narrow(1, 0, std::min(samples, t.size(1)))
        .contiguous();
  };
  const auto ours = rows(predicted);
  const auto theirs = rows(truth);
  std::vector<dsp::RoomErrors> errors(static_cast<std::size_t>(truth.size(0)));
  parallel_for(truth.size(0), at::get_num_threads(), [&](std::int64_t i) {
    const auto measured = [&](const torch::Tensor& t) {
      return dsp::room_measures(
          {t.const_data_ptr<float>() + i * t.size(1), static_cast<std::size_t>(t.size(1))},
          static_cast<std::int64_t>(kSampleRateHz),
          cfg);
    };
    errors[static_cast<std::size_t>(i)] = dsp::room_errors(measured(ours), measured(theirs));
  });
  return errors;
}

}  // namespace mmi::models::xrir
