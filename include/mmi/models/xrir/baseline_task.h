#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/models/xrir/response_task.h"
#include "mmi/models/xrir/rir_rooms.h"
#include "mmi/task/task.h"

namespace mmi::models::xrir {

enum class BaselineRule {
  kRandomAcross,    ///< any response of the split
  kRandomSame,      ///< any other response of the room
  kNearest,         ///< the reference nearest to the target, as it was measured
  kLinear,          ///< waveforms weighted by 1 / distance
  kNearestAligned,  ///< the nearest with the shift and level that xRIR's references get
  kLogWeighted,     ///< aligned log spectrograms weighted by 1 / distance
  kLogMean,         ///< their plain mean: xRIR with uniform weights
  kOracle,          ///< the true magnitudes: what Griffin-Lim costs
  kSimulatedAgain,  ///< the same place with other random numbers: how exact the truth itself is
  kPretrained,      ///< xRIR as its parent "pretrained" was trained, on other rooms
};

struct MMI_API BaselineTaskConfig {
  BaselineRule rule = BaselineRule::kNearest;
  config::Component<RirRooms> rooms;
  std::int64_t references = 8;
  std::int64_t samples = 9600;
  std::int64_t draws = 5;

  BaselineTaskConfig();
  static const config::Schema& schema();
};

/// Rows of Tables 8.1 and 8.2 that learn nothing (spec §7): scored as xRIR is, from the same
/// references.
class MMI_API BaselineTask : public Task {
 public:
  BaselineTask(const BaselineTaskConfig& config, const BuildArgs& args);

  torch::nn::Module& module() override;
  std::vector<Phase> phases() const override;
  std::shared_ptr<data::BatchSource> source() override;
  Loss loss(const std::string& phase, const TensorDict& batch, StepContext& context) override;
  Metrics evaluate(const std::string& split) override;
  ItemMetrics evaluate_items(const std::string& split) override;
  std::pair<std::string, bool> selection() const override;
  std::string data_fingerprint() const override;

 private:
  torch::Tensor predict(
      const ReceiverSets& sets,
      const ReceiverSet& set,
      const torch::Tensor& chosen,
      std::uint64_t seed);

  BaselineTaskConfig config_;
  std::shared_ptr<XRirTask> pretrained_;
  std::shared_ptr<RirRooms> rooms_;
  std::shared_ptr<torch::nn::Module> nothing_ = std::make_shared<torch::nn::Module>();
};

}  // namespace mmi::models::xrir

template <>
struct mmi::config::EnumNames<mmi::models::xrir::BaselineRule> {
  using Rule = mmi::models::xrir::BaselineRule;
  static constexpr std::array<std::pair<const char*, Rule>, 10> names{{
      {"random_across", Rule::kRandomAcross},
      {"random_same", Rule::kRandomSame},
      {"nearest", Rule::kNearest},
      {"linear", Rule::kLinear},
      {"nearest_aligned", Rule::kNearestAligned},
      {"log_weighted", Rule::kLogWeighted},
      {"log_mean", Rule::kLogMean},
      {"oracle", Rule::kOracle},
      {"simulated_again", Rule::kSimulatedAgain},
      {"pretrained", Rule::kPretrained},
  }};
};
