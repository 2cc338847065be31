#pragma once

#include <torch/types.h>

#include <memory>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/metrics/metric.h"
#include "mmi/models/audeo/recordings.h"
#include "mmi/task/task.h"

namespace mmi::models::audeo {

/// What a stage made of a clip.
struct PerformanceOutput {
  torch::Tensor probabilities;  ///< Video2Roll, (F,K) in [0, 1]
  torch::Tensor refined;        ///< Roll2Midi, (F,K) in [0, 1]; undefined without that stage
  torch::Tensor roll;           ///< the decision, (F,K) bool
  torch::Tensor sound;          ///< (N) at 16 kHz; undefined: the synthesiser plays the roll
};

/// A task that watches a keyboard and plays: stage A alone, with stage B, with PerfNet.
class MMI_API Performer {
 public:
  /// What it takes: pictures of this size, and the keys that it knows.
  struct Format {
    std::int64_t height = 0;
    std::int64_t width = 0;
    KeyRange keys;
  };

  virtual ~Performer() = default;
  virtual Format input_format() const = 0;
  virtual PerformanceOutput perform(const Recording& recording) = 0;
};

/// What `output` sounds like: its own sound, or the synthesiser's with General MIDI program
/// `program`, as long as the roll. (N) float32 at 16 kHz.
MMI_API torch::Tensor sound_of(
    const PerformanceOutput& output, const KeyRange& keys, int program = 0);

/// Reads a video as a recording, gray, 25 fps, resized. `crop` option: x1,y1,x2,y2 in source
/// pixels; "none", the whole picture; "auto" (default), the keyboard that is found, or the whole
/// picture where that is a keyboard crop (at least 7.5 times as wide as high, or of the size asked
/// for). Throws DataError for what is not a video, or shows no complete keyboard.
MMI_API std::shared_ptr<const Recording> read_clip(
    const GenerateRequest& request, std::int64_t height, std::int64_t width);

/// `<stem>.wav`: the first ten seconds of the first recording as they are performed.
MMI_API std::vector<Artifact> sample_performance(
    Performer& performer, const Recording& recording, const std::filesystem::path& stem);

/// Writes ten seconds of sound (N) at 16 kHz, peak at -3 dBFS.
MMI_API Artifact write_sample(
    const torch::Tensor& sound, const std::filesystem::path& stem, const std::string& caption);

/// Reads the clip, performs it and writes `<out>.mid`, `.wav`, `.png` (rolls; with the `truth`
/// option, a MIDI file, the truth too) and `.mp4` (the input with the new sound). `program` option:
/// General MIDI instrument; ConfigError when the performer brings its own sound.
MMI_API std::vector<Artifact> perform_clip(Performer& performer, const GenerateRequest& request);

/// Adds precision, recall, accuracy and f1 by the official per-frame averages (spec §6), in
/// percent. predicted, truth (F,K) 0/1.
MMI_API void append_scores(
    const torch::Tensor& predicted, const torch::Tensor& truth, Metrics& metrics);

/// The `metrics` option of the tasks.
using MetricSlots = std::vector<config::Component<metrics::Metric>>;

/// ConfigError when a part cannot be built.
MMI_API std::vector<std::shared_ptr<metrics::Metric>> build_metrics(const MetricSlots& slots);

/// Adds what each metric says of (F,K) probabilities and truth; ConfigError when a name is taken.
MMI_API void append_metrics(
    const std::vector<std::shared_ptr<metrics::Metric>>& list,
    const torch::Tensor& probabilities,
    const torch::Tensor& truth,
    Metrics& metrics);

/// The threshold on probabilities (F,K) with the best official F1, from 0.05 to 0.95.
MMI_API double best_threshold(const torch::Tensor& probabilities, const torch::Tensor& truth);

}  // namespace mmi::models::audeo
