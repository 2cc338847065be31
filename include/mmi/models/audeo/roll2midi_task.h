#pragma once

#include <torch/types.h>

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/data/loader.h"
#include "mmi/models/audeo/performance.h"
#include "mmi/models/audeo/roll2midi.h"
#include "mmi/models/audeo/video2roll_task.h"
#include "mmi/task/task.h"

namespace mmi::models::audeo {

enum class RollInput { kProbability, kBinary };

struct MMI_API Roll2MidiTaskConfig {
  Roll2MidiGeneratorConfig generator;
  Roll2MidiDiscriminatorConfig discriminator;
  RollInput input = RollInput::kProbability;
  double adversarial = 0.001;
  double reconstruction = 0.999;
  std::int64_t window_frames = 100;
  std::int64_t stride_frames = 50;
  double threshold = 0.5;
  bool calibrate = true;
  MetricSlots metrics;
  data::LoaderConfig loader{16, 1, 4};
  nn::OptimizerConfig generator_optimizer{.lr = 5e-4};
  nn::OptimizerConfig discriminator_optimizer{.lr = 5e-4};
  nn::ScheduleConfig schedule;

  static const config::Schema& schema();
};

/// Stage B of Audeo (thesis 3.2.2, spec §3.3, §3.4, §4): repairs Video2Roll's probabilities with a
/// conditional GAN over windows of 4 s. Needs `video2roll`.
class MMI_API Roll2MidiTask : public Task, public Performer {
 public:
  Roll2MidiTask(const Roll2MidiTaskConfig& config, const BuildArgs& args);

  torch::nn::Module& module() override;
  std::vector<Phase> phases() const override;
  std::shared_ptr<data::BatchSource> source() override;
  Loss loss(const std::string& phase, const TensorDict& batch, StepContext& context) override;
  Metrics evaluate(const std::string& split) override;
  ItemMetrics evaluate_items(const std::string& split) override;
  std::pair<std::string, bool> selection() const override;
  std::map<std::string, double> calibrate() override;
  void restore(const std::map<std::string, double>& calibration) override;
  std::vector<Artifact> generate(const GenerateRequest& request) override;
  Format input_format() const override;
  PerformanceOutput perform(const Recording& recording) override;
  std::string data_fingerprint() const override;
  std::vector<Artifact> sample(
      const std::string& split, const std::filesystem::path& stem) override;

  /// Refines a roll of any length: (F,K) probabilities → (F,K) in (0, 1). Windows do not overlap;
  /// the last one is padded with silence.
  torch::Tensor refine(const torch::Tensor& probabilities);

  Video2RollTask& video2roll() {
    return *video2roll_;
  }

  double threshold() const {
    return threshold_;
  }

 private:
  /// Video2Roll's probabilities of a split, computed once.
  const std::vector<torch::Tensor>& estimates(const std::string& split);
  /// Of all recordings of a split, one after the other: (F,K) in (0, 1) and (F,K) uint8.
  std::pair<torch::Tensor, torch::Tensor> refined_and_truth(const std::string& split);
  torch::Tensor as_input(const torch::Tensor& probabilities) const;

  Roll2MidiTaskConfig config_;
  BuildArgs args_;
  std::shared_ptr<Video2RollTask> video2roll_;
  std::shared_ptr<torch::nn::Module> module_;
  std::shared_ptr<Roll2MidiGenerator> generator_;
  std::shared_ptr<Roll2MidiDiscriminator> discriminator_;
  std::map<std::string, std::vector<torch::Tensor>> estimates_;
  std::vector<std::shared_ptr<metrics::Metric>> metrics_;
  std::vector<torch::Tensor> fakes_;  ///< of this step, per micro-batch, detached
  double threshold_;
};

}  // namespace mmi::models::audeo

template <>
struct mmi::config::EnumNames<mmi::models::audeo::RollInput> {
  static constexpr std::array<std::pair<const char*, mmi::models::audeo::RollInput>, 2> names{{
      {"probability", mmi::models::audeo::RollInput::kProbability},
      {"binary", mmi::models::audeo::RollInput::kBinary},
  }};
};
