#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/data/loader.h"
#include "mmi/models/xrir/inras.h"
#include "mmi/models/xrir/rir_rooms.h"
#include "mmi/task/task.h"

namespace mmi::models::xrir {

struct MMI_API InrasTaskConfig {
  InrasConfig model;
  config::Component<RirRooms> rooms;
  std::int64_t samples = 9600;
  double decay_weight = 0.1;
  data::LoaderConfig loader{32, 1, 4};
  nn::OptimizerConfig optimizer{.name = nn::OptimizerKind::kAdamW, .lr = 2e-3};
  nn::ScheduleConfig schedule;

  InrasTaskConfig();
  static const config::Schema& schema();
};

/// INRAS-lite on one room: trained on the known pairs of source and receiver and scored at the
/// others by the errors of Table 8.1; an item is a pair. Where a world does not say which pairs are
/// known, all are fitted, and scored.
class MMI_API InrasTask : public Task {
 public:
  /// Loads the training pairs. ConfigError where they are of several rooms, or of one whose
  /// geometry is not known.
  InrasTask(const InrasTaskConfig& config, const BuildArgs& args);

  torch::nn::Module& module() override;
  std::vector<Phase> phases() const override;
  std::shared_ptr<data::BatchSource> source() override;
  Loss loss(const std::string& phase, const TensorDict& batch, StepContext& context) override;

  /// "valid": the loss of the known pairs, for there are no others; "test": the errors.
  Metrics evaluate(const std::string& split) override;
  ItemMetrics evaluate_items(const std::string& split) override;
  std::pair<std::string, bool> selection() const override;
  std::string data_fingerprint() const override;

  /// Log spectrograms (S,63,T) of all sources of a set.
  torch::Tensor predict(const ReceiverSet& set);

 private:
  InrasTaskConfig config_;
  BuildArgs args_;
  std::shared_ptr<RirRooms> rooms_;
  std::shared_ptr<Inras> model_;
};

}  // namespace mmi::models::xrir
