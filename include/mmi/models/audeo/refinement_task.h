#pragma once

#include <torch/types.h>

#include <array>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/data/loader.h"
#include "mmi/models/audeo/perfnet_task.h"
#include "mmi/models/audeo/roll2midi_task.h"
#include "mmi/models/audeo/spectrogram_unet.h"
#include "mmi/task/task.h"

namespace mmi::models::audeo {

/// What learns to make the best of imperfect rolls: a U-Net behind the frozen PerfNet (the thesis),
/// or PerfNet itself, trained further (the ablation).
enum class Refiner { kUnet, kPerfnet };

struct MMI_API RefinementTaskConfig {
  Refiner refiner = Refiner::kUnet;
  SpectrogramUNetConfig unet;
  std::int64_t window_frames = 250;
  std::int64_t stride_frames = 125;
  data::LoaderConfig loader{16, 1, 4};
  nn::OptimizerConfig optimizer;
  nn::ScheduleConfig schedule;
  std::int64_t griffin_lim_iterations = 60;

  static const config::Schema& schema();
};

/// Stage C2 of Audeo, its second half (thesis 3.2.3, spec §3.6, §4): rolls of Roll2Midi, as PerfNet
/// sounds them, are refined towards the recordings' own spectrograms with the absolute error. Needs
/// `roll2midi` and `perfnet`. Generates from silent video to sound without a synthesiser.
class MMI_API RefinementTask : public Task, public Performer {
 public:
  RefinementTask(const RefinementTaskConfig& config, const BuildArgs& args);

  torch::nn::Module& module() override;
  std::vector<Phase> phases() const override;
  std::shared_ptr<data::BatchSource> source() override;
  Loss loss(const std::string& phase, const TensorDict& batch, StepContext& context) override;
  Metrics evaluate(const std::string& split) override;
  ItemMetrics evaluate_items(const std::string& split) override;
  std::pair<std::string, bool> selection() const override;
  void restore(const std::map<std::string, double>& calibration) override;
  std::vector<Artifact> generate(const GenerateRequest& request) override;
  std::string data_fingerprint() const override;
  Format input_format() const override;
  PerformanceOutput perform(const Recording& recording) override;

  /// Refined log spectrogram (1025, T) of a roll (F, K) of Roll2Midi.
  torch::Tensor spectrogram(const torch::Tensor& roll);

 private:
  RefinementTaskConfig config_;
  BuildArgs args_;
  std::shared_ptr<Roll2MidiTask> roll2midi_;
  std::shared_ptr<PerfNetTask> perfnet_;
  std::shared_ptr<SpectrogramUNet> unet_;  ///< null when PerfNet is trained further
  std::shared_ptr<PerfNet> tuned_;         ///< null with the U-Net
};

}  // namespace mmi::models::audeo

template <>
struct mmi::config::EnumNames<mmi::models::audeo::Refiner> {
  static constexpr std::array<std::pair<const char*, mmi::models::audeo::Refiner>, 2> names{{
      {"unet", mmi::models::audeo::Refiner::kUnet},
      {"perfnet", mmi::models::audeo::Refiner::kPerfnet},
  }};
};
