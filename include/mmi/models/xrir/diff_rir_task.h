#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/data/loader.h"
#include "mmi/models/xrir/diff_rir.h"
#include "mmi/models/xrir/rir_rooms.h"
#include "mmi/task/task.h"

namespace mmi::models::xrir {

struct MMI_API DiffRirTaskConfig {
  DiffRirConfig model;
  config::Component<RirRooms> rooms;
  std::string room;
  std::int64_t samples = 9600;
  data::LoaderConfig loader{4, 1, 4};
  nn::OptimizerConfig optimizer{.lr = 1e-2};
  nn::ScheduleConfig schedule;

  DiffRirTaskConfig();
  static const config::Schema& schema();
};

/// Diff-RIR on one room, a row of Table 8.2: fitted to the known responses of a receiver of the
/// split "test", which is the loudspeaker, and scored at the other sources, the microphones, by the
/// errors of Table 8.1; an item is a microphone. Where a world does not say which responses are
/// known, all are fitted, and scored. Runs on the CPU.
class MMI_API DiffRirTask : public Task {
 public:
  /// Loads the rooms and finds the paths. ConfigError for a room that the split lacks, and for
  /// rooms whose geometry is not known.
  DiffRirTask(const DiffRirTaskConfig& config, const BuildArgs& args);

  torch::nn::Module& module() override;
  std::vector<Phase> phases() const override;
  std::shared_ptr<data::BatchSource> source() override;
  Loss loss(const std::string& phase, const TensorDict& batch, StepContext& context) override;

  /// "valid": the loss of the known responses without jitter, for there are no others; "test": the
  /// errors.
  Metrics evaluate(const std::string& split) override;
  ItemMetrics evaluate_items(const std::string& split) override;
  std::pair<std::string, bool> selection() const override;
  std::string data_fingerprint() const override;

  /// Responses at any microphones: "sources" (S,3), relative to the loudspeaker unless "receiver"
  /// (3) says where it is in their coordinates. -> "responses" (S,N).
  TensorDict infer(const TensorDict& inputs) override;

  /// Responses (S,N) at all microphones.
  torch::Tensor predict();

 private:
  SpecularPaths paths_from_loudspeaker(const torch::Tensor& places) const;

  DiffRirTaskConfig config_;
  BuildArgs args_;
  std::shared_ptr<RirRooms> rooms_;  ///< of the one room
  SpecularPaths paths_;              ///< to all microphones
  torch::Tensor known_;              ///< indices
  std::shared_ptr<DiffRir> model_;
};

}  // namespace mmi::models::xrir
