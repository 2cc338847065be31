#pragma once

#include <torch/types.h>

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/data/loader.h"
#include "mmi/models/audeo/frame_model.h"
#include "mmi/models/audeo/performance.h"
#include "mmi/models/audeo/recordings.h"
#include "mmi/task/task.h"

namespace mmi::models::audeo {

enum class FrameLoss { kBce, kSoftF1 };

struct MMI_API Video2RollTaskConfig {
  config::Component<FrameModel> model;
  config::Component<Recordings> recordings;
  std::optional<config::Component<data::Dataset>> examples;
  std::int64_t height = 100;
  std::int64_t width = 900;
  std::int64_t frames = 5;
  std::int64_t min_key = 15;
  std::int64_t max_key = 65;
  FrameLoss loss = FrameLoss::kBce;
  bool balanced = true;
  std::int64_t draws_per_epoch = 20000;
  double threshold = 0.4;
  bool calibrate = true;
  MetricSlots metrics;
  data::LoaderConfig loader{64, 1, 4};
  nn::OptimizerConfig optimizer;
  nn::ScheduleConfig schedule;

  Video2RollTaskConfig();

  KeyRange range() const {
    return {min_key, max_key};
  }

  StackShape stack() const {
    return {height, width, frames};
  }

  static const config::Schema& schema();
};

/// Stage A of Audeo (thesis 3.2.1, spec §3.1, §4): five gray keyboard crops (or
/// `frames` of them) → keys that sound at the middle one. Also trains the ResNet baselines and any
/// encoder (`model.name`).
class MMI_API Video2RollTask : public Task, public Performer {
 public:
  Video2RollTask(const Video2RollTaskConfig& config, const BuildArgs& args);

  torch::nn::Module& module() override;
  std::vector<Phase> phases() const override;
  std::shared_ptr<data::BatchSource> source() override;
  std::vector<std::pair<std::string, DatasetOpener>> datasets() override;
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

  /// Key probabilities (F,K) float32 of every frame, edges by the published inference rule.
  torch::Tensor predict(const Recording& recording);

  const Video2RollTaskConfig& config() const {
    return config_;
  }

  const Recordings& recordings() const {
    return *recordings_;
  }

  /// Probability from which a key counts as pressed.
  double threshold() const {
    return threshold_;
  }

 private:
  std::shared_ptr<data::Dataset> frames_of(const std::string& split) const;
  torch::Tensor prepare(const torch::Tensor& frames) const;

  Video2RollTaskConfig config_;
  BuildArgs args_;
  std::shared_ptr<const Recordings> recordings_;
  std::shared_ptr<data::Dataset> examples_;
  std::shared_ptr<nn::UnaryModule> model_;
  std::vector<std::shared_ptr<metrics::Metric>> metrics_;
  double threshold_;
};

/// Registers Audeo's parts: frame models, recordings, tasks.
MMI_API void register_audeo();

}  // namespace mmi::models::audeo

template <>
struct mmi::config::EnumNames<mmi::models::audeo::FrameLoss> {
  static constexpr std::array<std::pair<const char*, mmi::models::audeo::FrameLoss>, 2> names{{
      {"bce", mmi::models::audeo::FrameLoss::kBce},
      {"soft_f1", mmi::models::audeo::FrameLoss::kSoftF1},
  }};
};
