#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/data/loader.h"
#include "mmi/models/xrir/few_shot_rir.h"
#include "mmi/models/xrir/rir_rooms.h"
#include "mmi/models/xrir/xrir.h"
#include "mmi/task/task.h"

namespace mmi::models::xrir {

/// How one of the networks that predict responses is trained and scored. `Model` brings its
/// `Config`, its name in the registry, and forward(GroupedInputs) -> (R,S,63,T) ln magnitudes.
template <class Model>
struct ResponseTaskConfig {
  typename Model::Config model;
  config::Component<RirRooms> rooms;
  std::int64_t references = 8;
  bool random_references = true;
  std::int64_t sources = 10;
  std::int64_t samples = 9600;
  double decay_weight = 0.01;
  std::int64_t draws = 5;
  data::LoaderConfig loader{4, 1, 4};
  nn::OptimizerConfig optimizer{.name = nn::OptimizerKind::kAdamW, .weight_decay = 1e-4};
  nn::ScheduleConfig schedule;

  ResponseTaskConfig();
  static const config::Schema& schema();
};

/// Responses of rooms by a network (thesis ch. 8, spec §4): a batch is some receivers, each with
/// its sources, which are one another's references. Scores are those of Table 8.1: errors of early
/// decay time (s), clarity (dB) and reverberation time (%) of predicted responses, the means over
/// `draws` choices of references; an item is a receiver, of unseen rooms or (names with "seen_") of
/// seen ones. Where a parent "pretrained" is given, training begins with its weights (spec §4,
/// fine-tuning).
template <class Model>
class ResponseTask : public Task {
 public:
  ResponseTask(const ResponseTaskConfig<Model>& config, const BuildArgs& args);

  torch::nn::Module& module() override;
  std::vector<Phase> phases() const override;
  std::shared_ptr<data::BatchSource> source() override;
  Loss loss(const std::string& phase, const TensorDict& batch, StepContext& context) override;

  /// "valid": the losses; "test": the errors.
  Metrics evaluate(const std::string& split) override;
  ItemMetrics evaluate_items(const std::string& split) override;
  std::pair<std::string, bool> selection() const override;
  std::string data_fingerprint() const override;

  /// A table's row may name another number of references: {references: 4}.
  std::map<std::string, double> calibrate() override;
  void restore(const std::map<std::string, double>& calibration) override;

  /// Responses (S,M) of "sources" (S,3) from "references" (K,3) with their "responses" (K,N) at
  /// 22,050 Hz, and "depth" (H,W) at the receiver, to which places are relative unless "receiver"
  /// (3) says where it is. K may be any number. -> "responses" (S,M), "log_spectra" (S,63,T).
  TensorDict infer(const TensorDict& inputs) override;

  /// Log spectrograms (S,63,T) of all sources of a set from the chosen ones (S,K).
  torch::Tensor predict(const ReceiverSet& set, const torch::Tensor& chosen);

  const ResponseTaskConfig<Model>& config() const {
    return config_;
  }

  RirRooms& rooms() {
    return *rooms_;
  }

 private:
  torch::Tensor forward(const TensorDict& batch, std::int64_t references);

  ResponseTaskConfig<Model> config_;
  BuildArgs args_;
  std::shared_ptr<RirRooms> rooms_;
  std::shared_ptr<Model> model_;
  std::int64_t references_;
};

extern template struct MMI_API ResponseTaskConfig<XRir>;
extern template class MMI_API ResponseTask<XRir>;
extern template struct MMI_API ResponseTaskConfig<FewShotRir>;
extern template class MMI_API ResponseTask<FewShotRir>;

using XRirTask = ResponseTask<XRir>;
using XRirTaskConfig = ResponseTaskConfig<XRir>;
using FewShotRirTask = ResponseTask<FewShotRir>;
using FewShotRirTaskConfig = ResponseTaskConfig<FewShotRir>;

}  // namespace mmi::models::xrir
