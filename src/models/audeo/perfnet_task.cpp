#include "mmi/models/audeo/perfnet_task.h"

#include "mmi/base/errors.h"
#include "mmi/base/progress.h"
#include "mmi/io/audio.h"
#include "mmi/models/audeo/spectrogram_picture.h"
#include "mmi/music/midi.h"
#include "mmi/music/roll.h"
#include "mmi/music/synth.h"

namespace mmi::models::audeo {
namespace {

constexpr std::int64_t kWindowsAtOnce = 8;

}  // namespace

PerfNetTaskConfig::PerfNetTaskConfig() {
  recordings.name = "piano_world";
}

const config::Schema& PerfNetTaskConfig::schema() {
  using C = PerfNetTaskConfig;
  static const config::Schema made =
      config::Table<C>("audeo/perfnet", "Audeo stage C2: notes to a spectrogram (thesis 3.2.3)")
          .field("perfnet", &C::perfnet, "network")
          .field("recordings", &C::recordings, "piano recordings with sound and rolls")
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

PerfNetTask::PerfNetTask(const PerfNetTaskConfig& config, const BuildArgs& args)
    : config_(config), args_(args) {
  MMI_CHECK(
      ConfigError,
      config.perfnet.bins == kBins,
      "task.perfnet.bins must be {}, the bins of the sound's transform, but is {}",
      kBins,
      config.perfnet.bins);
  // Pictures are not looked at, so their size does not matter.
  recordings_ = Registry<Recordings>::get().create(config_.recordings, {});
  model_ = std::make_shared<PerfNet>(config_.perfnet);
  model_->to(args_.device);
}

torch::nn::Module& PerfNetTask::module() {
  return *model_;
}

std::vector<Phase> PerfNetTask::phases() const {
  Phase phase;
  phase.optimizer = config_.optimizer;
  phase.schedule = config_.schedule;
  return {phase};
}

std::shared_ptr<data::BatchSource> PerfNetTask::source() {
  auto windows = std::make_shared<ScoreWindows>(config_.window_frames, config_.stride_frames);
  const RecordingList list = recordings_->split("train");
  Progress bar("hearing train recordings", static_cast<std::int64_t>(list.size()));
  for (const auto& recording : list) {
    windows->add(recording->labels(), kLowestPitch, recording->audio());
    bar.advance();
  }
  return std::make_shared<data::Loader>(
      windows,
      std::make_shared<data::PermutationSampler>(windows->size()),
      config_.loader,
      args_.seed);
}

Loss PerfNetTask::loss(const std::string& phase, const TensorDict& batch, StepContext& context) {
  const auto on_device = [&](const char* name) { return batch.tensor(name).to(args_.device); };
  Loss loss;
  loss.total = torch::mse_loss(
      model_->forward(on_device("score"), on_device("onoff")), on_device("spectrogram"));
  return loss;
}

torch::Tensor PerfNetTask::spectrogram(const Score& score) {
  return play_score(*model_, score, config_.window_frames, args_.device);
}

torch::Tensor play_score(
    PerfNet& network, const Score& score, std::int64_t window, torch::Device device) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor notes = cut_windows(score.notes, window);
  const torch::Tensor onoff = cut_windows(score.onoff, window);
  std::vector<torch::Tensor> parts;
  for (std::int64_t start = 0; start < notes.size(0); start += kWindowsAtOnce) {
    const std::int64_t end = start + kWindowsAtOnce;
    parts.push_back(
        network
            .forward(notes.slice(0, start, end).to(device), onoff.slice(0, start, end).to(device))
            .to(torch::kCPU));
  }
  return join_windows(torch::cat(parts), score.notes.size(1));
}

Task::ItemMetrics PerfNetTask::evaluate_items(const std::string& split) {
  const RecordingList list = recordings_->split(split);
  Progress bar("evaluating " + split, static_cast<std::int64_t>(list.size()));
  ItemMetrics items;
  for (const auto& recording : list) {
    const torch::Tensor estimate = spectrogram(score_of(recording->labels(), kLowestPitch));
    items.push_back(
        {recording->name(),
         spectrogram_scores(estimate, log_spectrogram(recording->audio(), estimate.size(1)))});
    bar.advance();
  }
  return items;
}

Metrics PerfNetTask::evaluate(const std::string& split) {
  return mean_over_items(evaluate_items(split));
}

std::pair<std::string, bool> PerfNetTask::selection() const {
  return {"mse", false};
}

std::string PerfNetTask::data_fingerprint() const {
  return recordings_->fingerprint() + "\n" + sound_fingerprint();
}

std::vector<Artifact> PerfNetTask::generate(const GenerateRequest& request) {
  const torch::Tensor roll = music::notes_to_roll(music::read_notes(request.input));
  MMI_CHECK(DataError, roll.size(0) > 0, "{} holds no notes", request.input.string());
  const torch::Tensor y = spectrogram(score_of(roll, kLowestPitch));
  const torch::Tensor sound =
      invert_log_spectrogram(y, config_.griffin_lim_iterations).contiguous();
  const std::string stem = request.out.string();
  io::write_wav(
      stem + ".wav",
      {sound.const_data_ptr<float>(), static_cast<std::size_t>(sound.numel())},
      1,
      static_cast<int>(kSampleRateHz));
  draw_spectrograms({{"PerfNet", y}}).save_png(stem + ".png");
  return {
      {stem + ".wav", "PerfNet's spectrogram by Griffin-Lim"}, {stem + ".png", "its spectrogram"}};
}

std::string sound_fingerprint() {
  return music::resolved_voice({}) == music::Voice::kFluidsynth
             ? "FluidSynth, " + std::filesystem::path(music::find_soundfont()).filename().string()
             : "built-in piano";
}

Metrics spectrogram_scores(const torch::Tensor& estimate, const torch::Tensor& truth) {
  const auto linear = [](const torch::Tensor& y) { return y.clamp_min(0).expm1().sqrt(); };
  const torch::Tensor target = linear(truth);
  const double error = (linear(estimate) - target).norm().item<double>();
  return {
      {"mse", torch::mse_loss(estimate, truth).item<double>()},
      {"l1", torch::l1_loss(estimate, truth).item<double>()},
      {"convergence_db", 20 * std::log10(error / std::max(1e-12, target.norm().item<double>()))}};
}

}  // namespace mmi::models::audeo
