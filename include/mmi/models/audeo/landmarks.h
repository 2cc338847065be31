#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"

/// Recognising a work, not a recording: what stands in for the music-identification service of
/// Table 3.2 (spec §9).
namespace mmi::models::audeo {

struct MMI_API LandmarkConfig {
  double span_s = 3;        ///< a triplet's first to last peak
  double gap_s = 0.05;      ///< between two peaks of a triplet at least
  int fan_out = 8;          ///< second peaks tried for a first one, and third for a second
  int peaks_per_frame = 5;  ///< the strongest local maxima
  /// Power added before the logarithm, against the loudest semitone of the sound. What is quieter
  /// (transients between the partials, the noise of an inverted spectrogram) makes no peaks.
  double floor_db = -30;
  double smallest_rise = 0.5;    ///< of a peak, in natural-log power per frame
  double smallest_score = 0.05;  ///< below it: nothing found
  double smallest_margin = 2.0;  ///< best over second-best score; below it: nothing found

  static const config::Schema& schema();
};

/// A moment at which a semitone rises above what surrounds it.
struct Peak {
  std::int32_t frame = 0;     ///< 32 ms
  std::int16_t semitone = 0;  ///< 0 = A0
  bool operator==(const Peak&) const = default;
};

/// Onset peaks of a waveform (N) at 16 kHz: power of a 2048/512 transform in 88 triangular semitone
/// bands, its rectified log difference, at most `peaks_per_frame` local maxima (±3 semitones, ±5
/// frames) a frame. In order of frames.
MMI_API std::vector<Peak> landmark_peaks(
    const torch::Tensor& waveform, const LandmarkConfig& config = {});

/// What a query was recognised as.
struct LandmarkMatch {
  std::string work;   ///< "" when nothing was found
  std::string best;   ///< the nearest work, found or not
  double score = 0;   ///< share of the query's moments that agree in one tempo and one place
  double margin = 0;  ///< over the second-best work's score; infinite when there is none
};

/// An index of works by triplets of peaks, (p1; p2 - p1; p3 - p1; round(8 (t2 - t1) / (t3 - t1))),
/// which are equal at every tempo. A work is found when many moments of a query have a triplet that
/// lies at one tempo ratio (0.8 to 1.25) and one place of a reference.
class MMI_API LandmarkIndex {
 public:
  explicit LandmarkIndex(const LandmarkConfig& config = {}) : config_(config) {}

  /// A reference performance of `work`, (N) at 16 kHz; a work may have several.
  void add(const std::string& work, const torch::Tensor& waveform);

  /// Thread-safe once every reference is added and `finish` was called.
  LandmarkMatch identify(const torch::Tensor& waveform) const;

  /// Sorts the index; call it after the last `add`.
  void finish();

  std::int64_t references() const {
    return static_cast<std::int64_t>(work_of_.size());
  }

  std::int64_t triplets() const {
    return static_cast<std::int64_t>(entries_.size());
  }

 private:
  struct Entry {
    std::uint32_t hash = 0;
    std::int32_t reference = 0;
    std::int32_t frame = 0;  ///< of the first peak
    std::int32_t span = 0;   ///< frames to the third
  };

  std::vector<Entry> triplets_of(const torch::Tensor& waveform, std::int32_t reference) const;

  LandmarkConfig config_;
  std::vector<std::string> works_;
  std::vector<std::int32_t> work_of_;  ///< by reference
  std::vector<Entry> entries_;
};

}  // namespace mmi::models::audeo
