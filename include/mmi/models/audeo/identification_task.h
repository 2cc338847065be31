#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/models/audeo/landmarks.h"
#include "mmi/models/audeo/performance.h"
#include "mmi/models/audeo/recordings.h"
#include "mmi/task/task.h"

namespace mmi::models::audeo {

struct MMI_API IdentificationTaskConfig {
  config::Component<Recordings> recordings;
  std::string library;  ///< a folder of sound files; empty: made from the piano world
  LandmarkConfig landmarks;
  double segment_s = 20;
  int distractors = 30;

  IdentificationTaskConfig();
  static const config::Schema& schema();
};

/// Table 3.2 of Audeo (thesis 3.3, spec §9): is the music that was made from silent video
/// recognised as the work it is? Trains nothing. With a parent `player` its sound is asked about,
/// without one the recordings' own ("ground truth audio").
///
/// Segments of 20 s, each right (100) or not (0): `total`, and `variants` (train compositions,
/// played by someone else) or `other`; `margin` is the best over the second-best work's score, at
/// most 10.
class MMI_API IdentificationTask : public Task {
 public:
  IdentificationTask(const IdentificationTaskConfig& config, const BuildArgs& args);

  torch::nn::Module& module() override;
  std::vector<Phase> phases() const override;
  std::shared_ptr<data::BatchSource> source() override;
  Loss loss(const std::string& phase, const TensorDict& batch, StepContext& context) override;
  Metrics evaluate(const std::string& split) override;
  ItemMetrics evaluate_items(const std::string& split) override;
  std::pair<std::string, bool> selection() const override;
  std::string data_fingerprint() const override;
  std::vector<Artifact> sample(
      const std::string& split, const std::filesystem::path& stem) override;

  /// The player's threshold.
  void restore(const std::map<std::string, double>& calibration) override;

 private:
  IdentificationTaskConfig config_;
  std::shared_ptr<Task> player_task_;
  Performer* player_ = nullptr;  ///< the same; null: the recordings' own sound
  std::shared_ptr<const Recordings> recordings_;
  std::shared_ptr<torch::nn::Module> nothing_ = std::make_shared<torch::nn::Module>();
};

/// The works of a piano world as an index: each of its test, variant and unseen compositions in two
/// performances that are nobody's query (tempo 0.88 and 1.12, other velocities, rubato and
/// instrument), and `distractors` compositions of another world. Made once per process and
/// configuration.
MMI_API std::shared_ptr<const LandmarkIndex> world_library(
    const config::Component<Recordings>& world, const LandmarkConfig& landmarks, int distractors);

/// How often segments are recognised that should be, and that should not: queries of `works`
/// compositions of the worlds `seed` (in the library) and `seed` + 1 (not), over thresholds on the
/// score. Worlds that no table uses.
struct MMI_API IdentificationCheck {
  double threshold = 0;
  double right = 0;  ///< percent of the segments of known works
  double wrong = 0;  ///< percent of the segments of unknown works that were accepted
};

MMI_API std::vector<IdentificationCheck> check_identification(
    const LandmarkConfig& landmarks,
    std::uint64_t seed,
    int works,
    double duration_s,
    double segment_s);

/// Every sound file of a folder: "<work>.wav", further performances "<work>__2.wav".
MMI_API std::shared_ptr<const LandmarkIndex> folder_library(
    const std::filesystem::path& folder, const LandmarkConfig& landmarks);

/// The sound of a file as one channel at 16 kHz.
MMI_API torch::Tensor read_mono(const std::filesystem::path& path);

/// Cut into pieces of `seconds`; what remains counts when it is at least half as long.
MMI_API std::vector<torch::Tensor> segments_of(const torch::Tensor& waveform, double seconds);

}  // namespace mmi::models::audeo
