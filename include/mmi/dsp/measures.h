#pragma once

#include <torch/types.h>

#include <cstdint>
#include <span>
#include <vector>

#include "mmi/base/api.h"

namespace mmi::dsp {

/// The samples of a contiguous float32 CPU tensor; valid as long as the tensor.
/// Throws ShapeError for any other tensor.
MMI_API std::span<const float> samples_of(const torch::Tensor& waveform);

/// Largest absolute sample; 0 for an empty waveform.
MMI_API double peak(std::span<const float> waveform);

/// 20 log10 of the root mean square; full scale = 1. -infinity for silence.
MMI_API double rms_dbfs(std::span<const float> waveform);

struct OnsetConfig {
  double hop_ms = 5;
  double window_ms = 32;
  double threshold = 0.08;      ///< above the local mean, as a share of the strongest flux
  double min_distance_ms = 40;  ///< closer onsets are one
};

/// Times in seconds at which sounds begin, sorted: peaks of the spectral flux with a maximum
/// filter over frequency (Böck & Widmer, "Maximum filter vibrato suppression for onset
/// detection", DAFx 2013). waveform (N) in [-1, 1]. Meant for checking rendered or recorded notes;
/// precise to about 10 ms.
MMI_API std::vector<double> detect_onsets(
    std::span<const float> waveform, std::int64_t sample_rate_hz, const OnsetConfig& cfg = {});

/// Result of pairing found with expected times one to one, in order.
struct OnsetMatch {
  std::int64_t matched = 0;
  double recall = 1;        ///< matched / expected; 1 when nothing is expected
  double precision = 1;     ///< matched / found; 1 when nothing is found
  double max_error_s = 0;   ///< of the matched pairs
  double mean_error_s = 0;  ///< signed: found - expected
};

/// Both lists sorted; expected times closer than `merge_s` (chords) count once.
MMI_API OnsetMatch match_onsets(
    const std::vector<double>& found,
    const std::vector<double>& expected,
    double tolerance_s = 0.04,
    double merge_s = 0.04);

}  // namespace mmi::dsp
