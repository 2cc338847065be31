#pragma once

#include <torch/types.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/data/loader.h"
#include "mmi/models/audeo/perfnet.h"
#include "mmi/models/audeo/recordings.h"
#include "mmi/models/audeo/sound.h"
#include "mmi/task/task.h"

namespace mmi::models::audeo {

struct MMI_API PerfNetTaskConfig {
  PerfNetConfig perfnet;
  config::Component<Recordings> recordings;
  std::int64_t window_frames = 250;
  std::int64_t stride_frames = 125;
  data::LoaderConfig loader{16, 1, 4};
  nn::OptimizerConfig optimizer;
  nn::ScheduleConfig schedule;
  std::int64_t griffin_lim_iterations = 60;

  PerfNetTaskConfig();
  static const config::Schema& schema();
};

/// Stage C2 of Audeo, its first half (thesis 3.2.3, spec §3.5, §4): the notes that are heard -> log
/// spectrogram, trained with the squared error on the recordings' own sound.
class MMI_API PerfNetTask : public Task {
 public:
  PerfNetTask(const PerfNetTaskConfig& config, const BuildArgs& args);

  torch::nn::Module& module() override;
  std::vector<Phase> phases() const override;
  std::shared_ptr<data::BatchSource> source() override;
  Loss loss(const std::string& phase, const TensorDict& batch, StepContext& context) override;
  Metrics evaluate(const std::string& split) override;
  ItemMetrics evaluate_items(const std::string& split) override;
  std::pair<std::string, bool> selection() const override;
  std::string data_fingerprint() const override;

  /// Plays a MIDI file: writes `<out>.wav` and `<out>.png` (spectrogram).
  std::vector<Artifact> generate(const GenerateRequest& request) override;

  /// Log spectrogram (1025, T) of a score of any length, in windows of the training's length.
  torch::Tensor spectrogram(const Score& score);

  PerfNet& network() {
    return *model_;
  }

  const PerfNetTaskConfig& config() const {
    return config_;
  }

 private:
  PerfNetTaskConfig config_;
  BuildArgs args_;
  std::shared_ptr<const Recordings> recordings_;
  std::shared_ptr<PerfNet> model_;
};

/// What a PerfNet makes of a score of any length: log spectrogram (1025, T), in windows.
MMI_API torch::Tensor play_score(
    PerfNet& network, const Score& score, std::int64_t window, torch::Device device);

/// Which synthesiser stands for the microphone in procedural recordings: part of the data's
/// identity.
MMI_API std::string sound_fingerprint();

/// Squared and absolute error and spectral convergence of estimates (1025, T) against the truth.
MMI_API Metrics spectrogram_scores(const torch::Tensor& estimate, const torch::Tensor& truth);

}  // namespace mmi::models::audeo
