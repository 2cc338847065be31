#include "mmi/models/audeo/video2roll_task.h"

#include <torch/nn/functional.h>

#include "mmi/base/errors.h"
#include "mmi/base/log.h"
#include "mmi/base/progress.h"
#include "mmi/metrics/multipitch.h"
#include "mmi/models/audeo/losses.h"
#include "mmi/models/audeo/performance.h"
#include "mmi/models/audeo/sampler.h"
#include "mmi/models/audeo/video2roll.h"
#include "mmi/nn/state.h"

namespace mmi::models::audeo {
namespace {

constexpr std::int64_t kPredictBatch = 64;

/// Draws of BalancedSampler as an epoch order: a function of (seed, epoch).
class BalancedEpochs : public data::Sampler {
 public:
  BalancedEpochs(const torch::Tensor& labels, std::int64_t draws)
      : sampler_(labels), draws_(draws) {}

  std::vector<std::int64_t> epoch(std::uint64_t seed, std::int64_t epoch) const override {
    Rng rng = Rng(seed).stream("balanced", static_cast<std::uint64_t>(epoch));
    std::vector<std::int64_t> order(static_cast<std::size_t>(draws_));
    for (std::int64_t& index : order) {
      index = sampler_.draw(rng);
    }
    return order;
  }

  std::int64_t size() const override {
    return draws_;
  }

 private:
  BalancedSampler sampler_;
  std::int64_t draws_;
};

}  // namespace

Video2RollTaskConfig::Video2RollTaskConfig() {
  model.name = "video2roll";
  recordings.name = "piano_world";
}

const config::Schema& Video2RollTaskConfig::schema() {
  using C = Video2RollTaskConfig;
  static const config::Schema made =
      config::Table<C>("audeo/video2roll", "Audeo stage A: keyboard video to roll (thesis 3.2.1)")
          .field("model", &C::model, "network: frames to key logits")
          .field("recordings", &C::recordings, "piano videos with their rolls")
          .field(
              "examples", &C::examples, "own training examples instead of the recordings' frames")
          .field("height", &C::height, "of the keyboard crop in pixels", config::between(16, 1024))
          .field("width", &C::width, "of the keyboard crop in pixels", config::between(64, 4096))
          .field("frames", &C::frames, "stacked around the labelled one", config::between(1, 25))
          .field("min_key", &C::min_key, "lowest key, 0 = A0", config::between(0, 87))
          .field("max_key", &C::max_key, "highest key, 87 = C8", config::between(0, 87))
          .field("loss", &C::loss, "bce is the published one")
          .field(
              "balanced",
              &C::balanced,
              "draw keys (and silence) uniformly, then a frame that has it")
          .field(
              "draws_per_epoch",
              &C::draws_per_epoch,
              "examples per epoch when balanced",
              config::at_least(1))
          .field("threshold", &C::threshold, "probability of a pressed key", config::between(0, 1))
          .field("calibrate", &C::calibrate, "choose the threshold by F1 on the validation split")
          .field("metrics", &C::metrics, "scores besides the published ones")
          .field("loader", &C::loader, "batches")
          .field("optimizer", &C::optimizer, "update rule")
          .field("schedule", &C::schedule, "learning rate over time")
          .check([](const C& c, config::Problems& problems) {
            if (c.min_key > c.max_key) {
              problems.add(format("min_key {} is above max_key {}", c.min_key, c.max_key));
            }
            if (c.frames % 2 == 0) {
              problems.add(format("frames must be odd, but is {}", c.frames));
            }
          });
  return made;
}

Video2RollTask::Video2RollTask(const Video2RollTaskConfig& config, const BuildArgs& args)
    : config_(config), args_(args), threshold_(config.threshold) {
  recordings_ =
      Registry<Recordings>::get().create(config_.recordings, {config_.height, config_.width});
  FrameModel::BuildArgs shape;
  shape.frames = config_.frames;
  shape.height = config_.height;
  shape.width = config_.width;
  shape.keys = config_.range().count();
  model_ = Registry<FrameModel>::get().create(config_.model, shape);
  model_->to(args_.device);
  // Channels-last weights and pictures train 1.2 to 1.7 times faster on AVX2.
  for (const nn::StateEntry& entry : nn::state_of(*model_)) {
    if (entry.tensor.dim() == 4) {
      entry.tensor.set_data(entry.tensor.contiguous(torch::MemoryFormat::ChannelsLast));
    }
  }
  metrics_ = build_metrics(config_.metrics);
  if (config_.examples) {
    examples_ = Registry<data::Dataset>::get().create(*config_.examples, {});
  }
}

torch::nn::Module& Video2RollTask::module() {
  return *model_;
}

std::vector<Phase> Video2RollTask::phases() const {
  Phase phase;
  phase.optimizer = config_.optimizer;
  phase.schedule = config_.schedule;
  return {phase};
}

std::shared_ptr<data::Dataset> Video2RollTask::frames_of(const std::string& split) const {
  return std::make_shared<FrameStacks>(recordings_->split(split), config_.range(), config_.stack());
}

std::vector<std::pair<std::string, Task::DatasetOpener>> Video2RollTask::datasets() {
  std::vector<std::pair<std::string, DatasetOpener>> list;
  if (examples_) {
    list.emplace_back("examples", [this] { return examples_; });
  } else {
    list.emplace_back("train", [this] { return frames_of("train"); });
  }
  for (const char* split : {"valid", "test"}) {
    list.emplace_back(split, [this, split] { return frames_of(split); });
  }
  return list;
}

std::shared_ptr<data::BatchSource> Video2RollTask::source() {
  const std::shared_ptr<data::Dataset> examples = examples_ ? examples_ : frames_of("train");
  std::shared_ptr<data::Sampler> sampler;
  const torch::Tensor labels = config_.balanced ? examples->labels() : torch::Tensor();
  if (labels.defined()) {
    sampler = std::make_shared<BalancedEpochs>(labels, config_.draws_per_epoch);
  } else {
    sampler = std::make_shared<data::PermutationSampler>(examples->size());
  }
  return std::make_shared<data::Loader>(examples, sampler, config_.loader, args_.seed);
}

torch::Tensor Video2RollTask::prepare(const torch::Tensor& frames) const {
  torch::Tensor floats =
      frames.to(args_.device, torch::kFloat32).contiguous(torch::MemoryFormat::ChannelsLast);
  if (!frames.is_floating_point()) {
    floats.div_(255);
  }
  return floats;
}

Loss Video2RollTask::loss(const std::string& phase, const TensorDict& batch, StepContext& context) {
  const torch::Tensor logits = model_->forward(prepare(batch.tensor("frames")));
  const torch::Tensor keys = batch.tensor("keys").to(args_.device);
  MMI_CHECK(
      ShapeError,
      keys.sizes() == logits.sizes(),
      "\"keys\" of the examples must be {}, but is {}",
      logits.sizes().vec(),
      keys.sizes().vec());
  Loss loss;
  loss.total =
      config_.loss == FrameLoss::kBce ? bce_loss(logits, keys) : soft_f1_loss(logits, keys);
  return loss;
}

torch::Tensor Video2RollTask::predict(const Recording& recording) {
  const torch::NoGradGuard no_grad;
  const std::int64_t frames = recording.frames();
  const std::int64_t pixels = config_.height * config_.width;
  // Each frame is read once and stacked by indexing.
  torch::Tensor images = torch::empty({frames, config_.height, config_.width}, torch::kUInt8);
  for (std::int64_t t = 0; t < frames; ++t) {
    recording.read(t, images.mutable_data_ptr<std::uint8_t>() + t * pixels);
  }
  std::vector<torch::Tensor> parts;
  for (std::int64_t start = 0; start < frames; start += kPredictBatch) {
    std::vector<std::int64_t> indices;
    for (std::int64_t t = start; t < std::min(frames, start + kPredictBatch); ++t) {
      const auto stack = stack_indices(t, frames, config_.frames);
      indices.insert(indices.end(), stack.begin(), stack.end());
    }
    const torch::Tensor stacks = images.index_select(0, torch::tensor(indices))
                                     .view({-1, config_.frames, config_.height, config_.width});
    parts.push_back(model_->forward(prepare(stacks)).sigmoid().to(torch::kCPU));
  }
  return torch::cat(parts);
}

Metrics Video2RollTask::evaluate(const std::string& split) {
  const KeyRange range = config_.range();
  double bce = 0;
  std::vector<torch::Tensor> estimates;
  std::vector<torch::Tensor> truth;
  const RecordingList list = recordings_->split(split);
  Progress bar("evaluating " + split, static_cast<std::int64_t>(list.size()));
  for (const auto& recording : list) {
    const torch::Tensor probabilities = predict(*recording);
    const torch::Tensor keys = recording->labels().slice(1, range.min_key, range.max_key + 1);
    bce += torch::binary_cross_entropy(probabilities, keys.to(torch::kFloat32)).item<double>();
    estimates.push_back(probabilities);
    truth.push_back(keys);
    bar.advance();
  }
  Metrics metrics = {{"bce", bce / static_cast<double>(list.size())}};
  const torch::Tensor estimate = torch::cat(estimates);
  const torch::Tensor keys = torch::cat(truth);
  append_scores(estimate >= threshold_, keys, metrics);
  append_metrics(metrics_, estimate, keys, metrics);
  return metrics;
}

Task::ItemMetrics Video2RollTask::evaluate_items(const std::string& split) {
  ItemMetrics items;
  for (const auto& recording : recordings_->split(split)) {
    const torch::Tensor keys = recording->labels().slice(1, config_.min_key, config_.max_key + 1);
    items.push_back({recording->name(), {}});
    append_scores(predict(*recording) >= threshold_, keys, items.back().second);
  }
  return items;
}

std::pair<std::string, bool> Video2RollTask::selection() const {
  return {"bce", false};
}

std::map<std::string, double> Video2RollTask::calibrate() {
  if (config_.calibrate) {
    std::vector<torch::Tensor> probabilities;
    std::vector<torch::Tensor> truth;
    for (const auto& recording : recordings_->split("valid")) {
      probabilities.push_back(predict(*recording));
      truth.push_back(recording->labels().slice(1, config_.min_key, config_.max_key + 1));
    }
    threshold_ = best_threshold(torch::cat(probabilities), torch::cat(truth));
  }
  return {{"threshold", threshold_}};
}

void Video2RollTask::restore(const std::map<std::string, double>& calibration) {
  if (const auto at = calibration.find("threshold"); at != calibration.end()) {
    threshold_ = at->second;
  }
}

Performer::Format Video2RollTask::input_format() const {
  return {config_.height, config_.width, config_.range()};
}

PerformanceOutput Video2RollTask::perform(const Recording& recording) {
  PerformanceOutput output;
  output.probabilities = predict(recording);
  output.roll = output.probabilities >= threshold_;
  return output;
}

std::vector<Artifact> Video2RollTask::generate(const GenerateRequest& request) {
  return perform_clip(*this, request);
}

std::vector<Artifact> Video2RollTask::sample(
    const std::string& split, const std::filesystem::path& stem) {
  return sample_performance(*this, *recordings_->split(split).front(), stem);
}

std::string Video2RollTask::data_fingerprint() const {
  return recordings_->fingerprint() + (examples_ ? "\n" + examples_->fingerprint() : "");
}

}  // namespace mmi::models::audeo
