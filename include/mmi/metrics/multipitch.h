#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "mmi/base/api.h"

namespace mmi::metrics {

/// All in [0, 1].
struct Scores {
  double precision = 0;
  double recall = 0;
  double accuracy = 0;  ///< TP / (TP + FP + FN)
  double f1 = 0;
};

/// Frame-level multi-pitch scores of binary rolls, in the two conventions of the literature.
/// Counts add up, so pieces can be scored one by one and merged.
///   FrameMeter meter; meter.add(probabilities >= 0.4, truth); meter.per_frame().f1;
class MMI_API FrameMeter {
 public:
  /// predicted, truth (F, K), any dtype, > 0 = sounding (threshold probabilities first). K stays
  /// the same between calls. Throws ShapeError.
  void add(const torch::Tensor& predicted, const torch::Tensor& truth);

  void merge(const FrameMeter& other);

  std::int64_t frames() const {
    return frames_;
  }

  /// The convention of Audeo's tables (scikit-learn's average="samples", zero_division=1): each
  /// score per frame, 1 where its denominator is 0, then the mean over frames. Empty frames that
  /// are predicted empty count as 1: report truth_empty_share() with it. 0 without frames.
  Scores per_frame() const;

  /// Sums over all frames first (Bay, Ehmann & Downie, ISMIR 2009; Poliner & Ellis 2007); equals
  /// mir_eval.multipitch. A score with denominator 0 is 0.
  Scores micro() const;

  /// F1 of each key over all frames; NaN for a key that sounds in neither roll.
  std::vector<double> key_f1() const;

  /// Mean of key_f1() over the keys that sound in either roll (scikit-learn's average="macro",
  /// zero_division=nan); 0 when there is none. Rare keys count as much as frequent ones.
  double macro_f1() const;

  /// Share of frames without a sounding key.
  double truth_empty_share() const;
  double predicted_empty_share() const;

 private:
  std::int64_t frames_ = 0;
  std::int64_t truth_empty_ = 0;
  std::int64_t predicted_empty_ = 0;
  Scores sums_;  // over frames
  // Per key.
  std::vector<std::int64_t> hits_;
  std::vector<std::int64_t> predicted_;
  std::vector<std::int64_t> truth_;
};

enum class Averaging { kPerFrame, kMicro };

/// F1 at each threshold of a grid, and the best one.
struct ThresholdCalibration {
  double threshold = 0;
  double f1 = 0;
  std::vector<double> grid;
  std::vector<double> curve;  ///< F1 at grid[i]
};

/// Threshold with the best F1 on validation data; of equals the lowest. probabilities, truth (F,
/// K); `grid` sorted by the caller, empty: 0.05, 0.10, ..., 0.95. A key sounds when p >= threshold.
MMI_API ThresholdCalibration calibrate_threshold(
    const torch::Tensor& probabilities,
    const torch::Tensor& truth,
    std::vector<double> grid = {},
    Averaging averaging = Averaging::kPerFrame);

}  // namespace mmi::metrics
