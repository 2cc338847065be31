#include "mmi/models/audeo/refinement_task.h"

#include "mmi/base/errors.h"
#include "mmi/base/progress.h"
#include "mmi/models/audeo/sound.h"
#include "mmi/nn/state.h"

namespace mmi::models::audeo {
namespace {

template <class T>
std::shared_ptr<T> parent(const Task::BuildArgs& args, const char* name, const char* kind) {
  const auto found = args.parents.find(name);
  auto task = found == args.parents.end() ? nullptr : std::dynamic_pointer_cast<T>(found->second);
  MMI_CHECK(
      ConfigError,
      task != nullptr,
      "audeo/refinement needs a finished {}; write `needs: {{{}: {{config: {}.yaml}}}}`",
      kind,
      name,
      name);
  return task;
}

}  // namespace

const config::Schema& RefinementTaskConfig::schema() {
  using C = RefinementTaskConfig;
  static const config::Schema made =
      config::Table<C>(
          "audeo/refinement", "Audeo stage C2: PerfNet's spectrogram refined (thesis 3.2.3)")
          .field("refiner", &C::refiner, "a U-Net behind PerfNet, or PerfNet trained further")
          .field("unet", &C::unet, "network")
          .field(
              "window_frames", &C::window_frames, "62.5 of them are a second", config::at_least(32))
          .field(
              "stride_frames", &C::stride_frames, "between training windows", config::at_least(1))
          .field("loader", &C::loader, "batches")
          .field("optimizer", &C::optimizer, "update rule")
          .field("schedule", &C::schedule, "learning rate over time")
          .field(
              "griffin_lim_iterations",
              &C::griffin_lim_iterations,
              "from spectrogram to sound",
              config::at_least(1));
  return made;
}

RefinementTask::RefinementTask(const RefinementTaskConfig& config, const BuildArgs& args)
    : config_(config),
      args_(args),
      roll2midi_(parent<Roll2MidiTask>(args, "roll2midi", "audeo/roll2midi")),
      perfnet_(parent<PerfNetTask>(args, "perfnet", "audeo/perfnet")) {
  if (config_.refiner == Refiner::kUnet) {
    unet_ = std::make_shared<SpectrogramUNet>(config_.unet);
    unet_->to(args_.device);
    return;
  }
  tuned_ = std::make_shared<PerfNet>(perfnet_->config().perfnet);
  tuned_->to(args_.device);
  const torch::NoGradGuard no_grad;
  const auto from = nn::state_of(perfnet_->network());
  const auto to = nn::state_of(*tuned_);
  for (std::size_t i = 0; i < to.size(); ++i) {
    torch::Tensor target = to[i].tensor;
    target.copy_(from[i].tensor);
  }
}

torch::nn::Module& RefinementTask::module() {
  if (unet_) {
    return *unet_;
  }
  return *tuned_;
}

std::vector<Phase> RefinementTask::phases() const {
  Phase phase;
  phase.optimizer = config_.optimizer;
  phase.schedule = config_.schedule;
  return {phase};
}

std::shared_ptr<data::BatchSource> RefinementTask::source() {
  auto windows = std::make_shared<ScoreWindows>(config_.window_frames, config_.stride_frames);
  const RecordingList list = roll2midi_->video2roll().recordings().split("train");
  Progress bar("watching and hearing train recordings", static_cast<std::int64_t>(list.size()));
  const int low_pitch = input_format().keys.low_pitch();
  for (const auto& recording : list) {
    windows->add(roll2midi_->perform(*recording).roll, low_pitch, recording->audio());
    bar.advance();
  }
  return std::make_shared<data::Loader>(
      windows,
      std::make_shared<data::PermutationSampler>(windows->size()),
      config_.loader,
      args_.seed);
}

Loss RefinementTask::loss(const std::string& phase, const TensorDict& batch, StepContext& context) {
  const auto on_device = [&](const char* name) { return batch.tensor(name).to(args_.device); };
  torch::Tensor estimate;
  if (tuned_) {
    estimate = tuned_->forward(on_device("score"), on_device("onoff"));
  } else {
    torch::Tensor coarse;
    {
      const torch::NoGradGuard frozen;
      coarse = perfnet_->network().forward(on_device("score"), on_device("onoff"));
    }
    estimate = unet_->forward(coarse.unsqueeze(1)).squeeze(1);
  }
  Loss loss;
  loss.total = torch::l1_loss(estimate, on_device("spectrogram"));
  return loss;
}

torch::Tensor RefinementTask::spectrogram(const torch::Tensor& roll) {
  const torch::NoGradGuard no_grad;
  const Score score = score_of(roll, input_format().keys.low_pitch());
  if (tuned_) {
    return play_score(*tuned_, score, config_.window_frames, args_.device);
  }
  const torch::Tensor coarse = perfnet_->spectrogram(score);
  const torch::Tensor windows = cut_windows(coarse, config_.window_frames);
  std::vector<torch::Tensor> parts;
  for (std::int64_t i = 0; i < windows.size(0); ++i) {
    parts.push_back(
        unet_->forward(windows[i].unsqueeze(0).unsqueeze(0).to(args_.device))[0].to(torch::kCPU));
  }
  return join_windows(torch::cat(parts), coarse.size(1));
}

Task::ItemMetrics RefinementTask::evaluate_items(const std::string& split) {
  const RecordingList list = roll2midi_->video2roll().recordings().split(split);
  Progress bar("evaluating " + split, static_cast<std::int64_t>(list.size()));
  ItemMetrics items;
  for (const auto& recording : list) {
    const torch::Tensor estimate = spectrogram(roll2midi_->perform(*recording).roll);
    items.push_back(
        {recording->name(),
         spectrogram_scores(estimate, log_spectrogram(recording->audio(), estimate.size(1)))});
    bar.advance();
  }
  return items;
}

Metrics RefinementTask::evaluate(const std::string& split) {
  return mean_over_items(evaluate_items(split));
}

std::pair<std::string, bool> RefinementTask::selection() const {
  return {"l1", false};
}

/// The roll's threshold.
void RefinementTask::restore(const std::map<std::string, double>& calibration) {
  roll2midi_->restore(calibration);
}

Performer::Format RefinementTask::input_format() const {
  return roll2midi_->input_format();
}

PerformanceOutput RefinementTask::perform(const Recording& recording) {
  PerformanceOutput output = roll2midi_->perform(recording);
  output.sound = invert_log_spectrogram(spectrogram(output.roll), config_.griffin_lim_iterations);
  return output;
}

std::vector<Artifact> RefinementTask::generate(const GenerateRequest& request) {
  return perform_clip(*this, request);
}

std::string RefinementTask::data_fingerprint() const {
  return roll2midi_->data_fingerprint() + "\n" + sound_fingerprint();
}

}  // namespace mmi::models::audeo
