#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/models/audeo/video2roll_task.h"
#include "mmi/task/task.h"

namespace mmi::models::audeo {

enum class Rule {
  kChance,         ///< the truth's frames in random order
  kHeld,           ///< perfect vision: what the fingers hold
  kHeldRepaired,   ///< perfect vision and the repair rule
  kSeenRepaired,   ///< Video2Roll and the repair rule
  kSeenSustained,  ///< Video2Roll and of the repair rule only what a few frames show
};

struct MMI_API ReferenceTaskConfig {
  Rule rule = Rule::kHeld;

  static const config::Schema& schema();
};

/// What the rows of Table 3.1 lie between (spec §10): no network of its own, rolls by rule, scored
/// on the recordings of its parent `video2roll`, in one piece or each by itself. Trains nothing.
class MMI_API ReferenceTask : public Task {
 public:
  ReferenceTask(const ReferenceTaskConfig& config, const BuildArgs& args);

  torch::nn::Module& module() override;
  std::vector<Phase> phases() const override;
  std::shared_ptr<data::BatchSource> source() override;
  Loss loss(const std::string& phase, const TensorDict& batch, StepContext& context) override;
  Metrics evaluate(const std::string& split) override;
  ItemMetrics evaluate_items(const std::string& split) override;
  std::pair<std::string, bool> selection() const override;
  std::string data_fingerprint() const override;

  /// Video2Roll's threshold.
  void restore(const std::map<std::string, double>& calibration) override;

 private:
  ReferenceTaskConfig config_;
  std::uint64_t seed_;
  std::shared_ptr<Video2RollTask> video2roll_;
  std::shared_ptr<torch::nn::Module> nothing_ = std::make_shared<torch::nn::Module>();
};

}  // namespace mmi::models::audeo

template <>
struct mmi::config::EnumNames<mmi::models::audeo::Rule> {
  using Rule = mmi::models::audeo::Rule;
  static constexpr std::array<std::pair<const char*, Rule>, 5> names{{
      {"chance", Rule::kChance},
      {"held", Rule::kHeld},
      {"held_repaired", Rule::kHeldRepaired},
      {"seen_repaired", Rule::kSeenRepaired},
      {"seen_sustained", Rule::kSeenSustained},
  }};
};
