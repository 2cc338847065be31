#include "mmi/models/audeo/reference_task.h"

#include "mmi/base/errors.h"
#include "mmi/models/audeo/performance.h"
#include "mmi/models/audeo/references.h"

namespace mmi::models::audeo {

const config::Schema& ReferenceTaskConfig::schema() {
  static const config::Schema made =
      config::Table<ReferenceTaskConfig>(
          "audeo/reference", "rolls by rule: what a model's scores are compared with")
          .field("rule", &ReferenceTaskConfig::rule, "where the roll comes from");
  return made;
}

ReferenceTask::ReferenceTask(const ReferenceTaskConfig& config, const BuildArgs& args)
    : config_(config), seed_(args.seed) {
  const auto parent = args.parents.find("video2roll");
  video2roll_ = parent == args.parents.end()
                    ? nullptr
                    : std::dynamic_pointer_cast<Video2RollTask>(parent->second);
  MMI_CHECK(
      ConfigError,
      video2roll_ != nullptr,
      "audeo/reference needs a finished audeo/video2roll; write "
      "`needs: {{video2roll: {{config: video2roll.yaml}}}}`");
}

torch::nn::Module& ReferenceTask::module() {
  return *nothing_;
}

std::vector<Phase> ReferenceTask::phases() const {
  return {};
}

std::shared_ptr<data::BatchSource> ReferenceTask::source() {
  throw ConfigError("audeo/reference has nothing to train; score it with `mmi table`");
}

Loss ReferenceTask::loss(const std::string&, const TensorDict&, StepContext&) {
  throw InternalError("audeo/reference has no loss");
}

Task::ItemMetrics ReferenceTask::evaluate_items(const std::string& split) {
  const KeyRange range = video2roll_->config().range();
  Rng rng = Rng(seed_).stream("chance");
  ItemMetrics items;
  for (const auto& recording : video2roll_->recordings().split(split)) {
    const auto in_range = [&](const torch::Tensor& roll) {
      return roll.slice(1, range.min_key, range.max_key + 1);
    };
    const torch::Tensor truth = in_range(recording->labels());
    torch::Tensor roll;
    if (config_.rule == Rule::kChance) {
      roll = shuffled_frames(truth, rng);
    } else if (config_.rule == Rule::kHeld || config_.rule == Rule::kHeldRepaired) {
      roll = recording->held();
      MMI_CHECK(
          DataError,
          roll.defined(),
          "{}: what was held is known of procedural recordings only",
          recording->name());
      roll = in_range(roll);
    } else {
      roll = video2roll_->perform(*recording).roll;
    }
    if (config_.rule == Rule::kHeldRepaired || config_.rule == Rule::kSeenRepaired) {
      roll = repair_rule(roll, range.low_pitch());
    } else if (config_.rule == Rule::kSeenSustained) {
      roll = repair_rule(roll, range.low_pitch(), /*cut=*/false);
    }
    items.push_back({recording->name(), {}});
    append_scores(roll.gt(0), truth, items.back().second);
    // They count as right by the official average when the estimate is empty, too.
    items.back().second.emplace_back(
        "empty_frames", 100 * truth.sum(1).eq(0).to(torch::kFloat32).mean().item<double>());
  }
  return items;
}

Metrics ReferenceTask::evaluate(const std::string& split) {
  return mean_over_items(evaluate_items(split));
}

std::pair<std::string, bool> ReferenceTask::selection() const {
  return {"f1", true};
}

void ReferenceTask::restore(const std::map<std::string, double>& calibration) {
  video2roll_->restore(calibration);
}

std::string ReferenceTask::data_fingerprint() const {
  return video2roll_->data_fingerprint();
}

}  // namespace mmi::models::audeo
