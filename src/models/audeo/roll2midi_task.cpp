#include "mmi/models/audeo/roll2midi_task.h"

#include "mmi/base/errors.h"
#include "mmi/base/progress.h"
#include "mmi/models/audeo/losses.h"
#include "mmi/models/audeo/performance.h"

namespace mmi::models::audeo {
namespace {

/// Windows of (roll estimate, truth), cut within one recording: {roll (1,K,T), midi (1,K,T)}
/// float32.
class RollWindows : public data::Dataset {
 public:
  RollWindows(std::int64_t length, std::int64_t stride) : length_(length), stride_(stride) {}

  /// (F,K) each; the tail is padded with silence.
  void add(const torch::Tensor& roll, const torch::Tensor& midi) {
    const std::int64_t frames = roll.size(0);
    for (std::int64_t start = 0; start == 0 || start + length_ - stride_ < frames;
         start += stride_) {
      rolls_.push_back(cut(roll, start));
      midis_.push_back(cut(midi, start));
    }
  }

  std::int64_t size() const override {
    return static_cast<std::int64_t>(rolls_.size());
  }

  TensorDict get(std::int64_t index, Rng& rng) const override {
    TensorDict example;
    example.set("roll", rolls_[static_cast<std::size_t>(index)]);
    example.set("midi", midis_[static_cast<std::size_t>(index)]);
    return example;
  }

  std::string fingerprint() const override {
    return format("{} roll windows", rolls_.size());
  }

  std::string name() const override {
    return "the roll windows";
  }

 private:
  torch::Tensor cut(const torch::Tensor& roll, std::int64_t start) const {
    torch::Tensor window = torch::zeros({length_, roll.size(1)});
    const std::int64_t count = std::min(length_, roll.size(0) - start);
    window.slice(0, 0, count).copy_(roll.slice(0, start, start + count));
    return window.t().unsqueeze(0).contiguous();
  }

  std::int64_t length_;
  std::int64_t stride_;
  std::vector<torch::Tensor> rolls_;
  std::vector<torch::Tensor> midis_;
};

}  // namespace

const config::Schema& Roll2MidiTaskConfig::schema() {
  using C = Roll2MidiTaskConfig;
  static const config::Schema made =
      config::Table<C>("audeo/roll2midi", "Audeo stage B: roll to sounding notes (thesis 3.2.2)")
          .field("generator", &C::generator, "U-Net without down-sampling")
          .field("discriminator", &C::discriminator, "patch discriminator")
          .field("input", &C::input, "what stage A hands over")
          .field("adversarial", &C::adversarial, "weight of the GAN term", config::at_least(0))
          .field(
              "reconstruction",
              &C::reconstruction,
              "weight of the squared error",
              config::at_least(0))
          .field("window_frames", &C::window_frames, "length of a window", config::at_least(8))
          .field(
              "stride_frames", &C::stride_frames, "between training windows", config::at_least(1))
          .field("threshold", &C::threshold, "probability of a sounding key", config::between(0, 1))
          .field("calibrate", &C::calibrate, "choose the threshold by F1 on the validation split")
          .field("metrics", &C::metrics, "scores besides the published ones")
          .field("loader", &C::loader, "batches")
          .field("generator_optimizer", &C::generator_optimizer, "update rule of the generator")
          .field("discriminator_optimizer", &C::discriminator_optimizer, "… of the discriminator")
          .field("schedule", &C::schedule, "learning rate over time, both networks");
  return made;
}

Roll2MidiTask::Roll2MidiTask(const Roll2MidiTaskConfig& config, const BuildArgs& args)
    : config_(config), args_(args), threshold_(config.threshold) {
  const auto parent = args.parents.find("video2roll");
  video2roll_ = parent == args.parents.end()
                    ? nullptr
                    : std::dynamic_pointer_cast<Video2RollTask>(parent->second);
  MMI_CHECK(
      ConfigError,
      video2roll_ != nullptr,
      "audeo/roll2midi needs a finished audeo/video2roll; write "
      "`needs: {{video2roll: {{config: video2roll.yaml}}}}`");
  generator_ = std::make_shared<Roll2MidiGenerator>(config_.generator);
  discriminator_ = std::make_shared<Roll2MidiDiscriminator>(config_.discriminator);
  module_ = std::make_shared<torch::nn::Module>("Roll2Midi");
  module_->register_module("generator", generator_);
  module_->register_module("discriminator", discriminator_);
  module_->to(args_.device);
  metrics_ = build_metrics(config_.metrics);
}

torch::nn::Module& Roll2MidiTask::module() {
  return *module_;
}

std::vector<Phase> Roll2MidiTask::phases() const {
  Phase generator;
  generator.name = "generator";
  generator.parameters = {"generator.*"};
  generator.optimizer = config_.generator_optimizer;
  generator.schedule = config_.schedule;
  Phase discriminator;
  discriminator.name = "discriminator";
  discriminator.parameters = {"discriminator.*"};
  discriminator.optimizer = config_.discriminator_optimizer;
  discriminator.schedule = config_.schedule;
  if (config_.adversarial == 0) {
    return {generator};
  }
  return {generator, discriminator};
}

torch::Tensor Roll2MidiTask::as_input(const torch::Tensor& probabilities) const {
  return config_.input == RollInput::kProbability
             ? probabilities
             : (probabilities >= video2roll_->threshold()).to(torch::kFloat32);
}

const std::vector<torch::Tensor>& Roll2MidiTask::estimates(const std::string& split) {
  std::vector<torch::Tensor>& list = estimates_[split];
  if (list.empty()) {
    const RecordingList recordings = video2roll_->recordings().split(split);
    Progress bar("reading " + split + " videos", static_cast<std::int64_t>(recordings.size()));
    for (const auto& recording : recordings) {
      list.push_back(video2roll_->predict(*recording));
      bar.advance();
    }
  }
  return list;
}

std::shared_ptr<data::BatchSource> Roll2MidiTask::source() {
  auto windows = std::make_shared<RollWindows>(config_.window_frames, config_.stride_frames);
  const KeyRange range = video2roll_->config().range();
  const RecordingList recordings = video2roll_->recordings().split("train");
  const auto& rolls = estimates("train");
  for (std::size_t i = 0; i < recordings.size(); ++i) {
    windows->add(
        as_input(rolls[i]), recordings[i]->labels().slice(1, range.min_key, range.max_key + 1));
  }
  return std::make_shared<data::Loader>(
      windows,
      std::make_shared<data::PermutationSampler>(windows->size()),
      config_.loader,
      args_.seed);
}

Loss Roll2MidiTask::loss(const std::string& phase, const TensorDict& batch, StepContext& context) {
  const torch::Tensor truth = batch.tensor("midi").to(args_.device);
  Loss loss;
  if (phase == "generator") {
    const torch::Tensor fake = generator_->forward(batch.tensor("roll").to(args_.device));
    fakes_.resize(std::max(fakes_.size(), context.micro + 1));
    fakes_[context.micro] = fake.detach();
    const torch::Tensor error = torch::mse_loss(fakes_[context.micro], truth);
    loss.parts = {{"reconstruction", error}};
    if (config_.adversarial == 0) {
      loss.total = config_.reconstruction * torch::mse_loss(fake, truth);
    } else {
      loss.total = generator_loss(
          discriminator_->forward(fake),
          fake,
          truth,
          {config_.adversarial, config_.reconstruction});
    }
  } else {
    loss.total = discriminator_loss(
        discriminator_->forward(truth), discriminator_->forward(fakes_.at(context.micro)));
  }
  return loss;
}

torch::Tensor Roll2MidiTask::refine(const torch::Tensor& probabilities) {
  const torch::NoGradGuard no_grad;
  RollWindows windows(config_.window_frames, config_.window_frames);
  windows.add(as_input(probabilities), probabilities);
  std::vector<torch::Tensor> parts;
  Rng unused(0);
  for (std::int64_t i = 0; i < windows.size(); ++i) {
    const torch::Tensor roll = windows.get(i, unused).tensor("roll").unsqueeze(0).to(args_.device);
    parts.push_back(generator_->forward(roll)[0][0].t().to(torch::kCPU));
  }
  return torch::cat(parts).slice(0, 0, probabilities.size(0)).contiguous();
}

std::pair<torch::Tensor, torch::Tensor> Roll2MidiTask::refined_and_truth(const std::string& split) {
  const KeyRange range = video2roll_->config().range();
  std::vector<torch::Tensor> refined;
  std::vector<torch::Tensor> truth;
  for (const torch::Tensor& roll : estimates(split)) {
    refined.push_back(refine(roll));
  }
  for (const auto& recording : video2roll_->recordings().split(split)) {
    truth.push_back(recording->labels().slice(1, range.min_key, range.max_key + 1));
  }
  return {torch::cat(refined), torch::cat(truth)};
}

Metrics Roll2MidiTask::evaluate(const std::string& split) {
  const auto [refined, truth] = refined_and_truth(split);
  Metrics metrics = {{"mse", torch::mse_loss(refined, truth.to(torch::kFloat32)).item<double>()}};
  append_scores(refined >= threshold_, truth, metrics);
  append_metrics(metrics_, refined, truth, metrics);
  return metrics;
}

Task::ItemMetrics Roll2MidiTask::evaluate_items(const std::string& split) {
  const KeyRange range = video2roll_->config().range();
  const RecordingList recordings = video2roll_->recordings().split(split);
  const auto& rolls = estimates(split);
  ItemMetrics items;
  for (std::size_t i = 0; i < recordings.size(); ++i) {
    items.push_back({recordings[i]->name(), {}});
    append_scores(
        refine(rolls[i]) >= threshold_,
        recordings[i]->labels().slice(1, range.min_key, range.max_key + 1),
        items.back().second);
  }
  return items;
}

std::pair<std::string, bool> Roll2MidiTask::selection() const {
  return {"mse", false};
}

std::map<std::string, double> Roll2MidiTask::calibrate() {
  if (config_.calibrate) {
    const auto [refined, truth] = refined_and_truth("valid");
    threshold_ = best_threshold(refined, truth);
  }
  return {{"threshold", threshold_}};
}

void Roll2MidiTask::restore(const std::map<std::string, double>& calibration) {
  if (const auto at = calibration.find("threshold"); at != calibration.end()) {
    threshold_ = at->second;
  }
}

Performer::Format Roll2MidiTask::input_format() const {
  return video2roll_->input_format();
}

PerformanceOutput Roll2MidiTask::perform(const Recording& recording) {
  PerformanceOutput output;
  output.probabilities = video2roll_->predict(recording);
  output.refined = refine(output.probabilities);
  output.roll = output.refined >= threshold_;
  return output;
}

std::vector<Artifact> Roll2MidiTask::generate(const GenerateRequest& request) {
  return perform_clip(*this, request);
}

std::vector<Artifact> Roll2MidiTask::sample(
    const std::string& split, const std::filesystem::path& stem) {
  return sample_performance(*this, *video2roll_->recordings().split(split).front(), stem);
}

std::string Roll2MidiTask::data_fingerprint() const {
  return video2roll_->data_fingerprint();
}

}  // namespace mmi::models::audeo
