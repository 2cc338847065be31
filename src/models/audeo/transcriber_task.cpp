#include "mmi/models/audeo/transcriber_task.h"

#include "mmi/base/errors.h"
#include "mmi/base/log.h"
#include "mmi/metrics/multipitch.h"
#include "mmi/metrics/notes.h"
#include "mmi/models/audeo/note_labels.h"
#include "mmi/models/audeo/recordings.h"
#include "mmi/models/audeo/roll_picture.h"
#include "mmi/music/midi.h"
#include "mmi/nn/state.h"
#include "models/audeo/excerpts.h"

namespace mmi::models::audeo {
namespace {

constexpr std::int64_t kPieceFrames = 640;   // the published training length
constexpr std::int64_t kContextFrames = 64;  // 2 s
constexpr double kVelocityScale = 128;

std::int64_t frames_of(const ScoredSound& sound) {
  return (sound.samples() + kSoundHop - 1) / kSoundHop;
}

torch::Tensor decided_roll(const music::Notes& notes, std::int64_t frames) {
  return note_labels(notes, 0, frames).label > 1;
}

/// What a score needs of one recording, in percent.
Metrics scores_of(const music::Notes& heard, const ScoredSound& sound) {
  music::Notes truth = sound.notes();
  std::erase_if(truth, [](const music::Note& note) {
    return note.pitch < kLowestPitch || note.pitch >= kLowestPitch + kPianoKeys;
  });
  const metrics::NoteScores notes = metrics::note_scores(heard, truth);
  metrics::NoteTolerance with_offsets;
  with_offsets.offsets = true;
  metrics::FrameMeter meter;
  meter.add(decided_roll(heard, frames_of(sound)), decided_roll(truth, frames_of(sound)));
  return {
      {"note_precision", 100 * notes.precision},
      {"note_recall", 100 * notes.recall},
      {"note_f1", 100 * notes.f1},
      {"note_offset_f1", 100 * metrics::note_scores(heard, truth, with_offsets).f1},
      {"frame_f1", 100 * meter.micro().f1}};
}

}  // namespace

TranscriberTaskConfig::TranscriberTaskConfig() {
  recordings.name = "piano_sounds";
}

const config::Schema& TranscriberTaskConfig::schema() {
  using C = TranscriberTaskConfig;
  static const config::Schema made =
      config::Table<C>("audeo/transcriber", "piano sound to notes (Onsets and Frames)")
          .field("model", &C::model, "network")
          .field("recordings", &C::recordings, "piano sounds with their notes")
          .field(
              "sequence_samples",
              &C::sequence_samples,
              "length of a training excerpt at 16 kHz, a multiple of 512",
              config::at_least(2048))
          .field(
              "gain_db",
              &C::gain_db,
              "excerpts are made quieter by up to this",
              config::between(0, 60))
          .field(
              "noise_dbfs",
              &C::noise_dbfs,
              "excerpts get white noise of -100 dBFS up to this (-100: none)",
              config::between(-100, -20))
          .field(
              "onset_threshold",
              &C::onset_threshold,
              "probability above which a note begins",
              config::between(0, 1))
          .field(
              "frame_threshold",
              &C::frame_threshold,
              "probability above which it goes on",
              config::between(0, 1))
          .field("calibrate", &C::calibrate, "choose both by note F1 on the validation split")
          .field(
              "clip_norm",
              &C::clip_norm,
              "largest norm of the gradient (0: any)",
              config::at_least(0))
          .field("loader", &C::loader, "batches")
          .field("optimizer", &C::optimizer, "update rule")
          .field("schedule", &C::schedule, "learning rate over time")
          .check([](const C& c, config::Problems& problems) {
            if (c.sequence_samples % kSoundHop != 0) {
              problems.add(format(
                  "sequence_samples must be a multiple of {}, but is {}; {} is",
                  kSoundHop,
                  c.sequence_samples,
                  c.sequence_samples / kSoundHop * kSoundHop));
            }
          });
  return made;
}

TranscriberTask::TranscriberTask(const TranscriberTaskConfig& config, const BuildArgs& args)
    : config_(config),
      args_(args),
      recordings_(Registry<ScoredSounds>::get().create(config.recordings, {})),
      model_(std::make_shared<OnsetsAndFrames>(config.model)),
      thresholds_{config.onset_threshold, config.frame_threshold} {
  model_->to(args_.device);
  // Narrow convolutions train faster on AVX2 in channels-last memory.
  for (const nn::StateEntry& entry : nn::state_of(*model_)) {
    if (entry.tensor.dim() == 4) {
      entry.tensor.set_data(entry.tensor.contiguous(torch::MemoryFormat::ChannelsLast));
    }
  }
}

torch::nn::Module& TranscriberTask::module() {
  return *model_;
}

std::vector<Phase> TranscriberTask::phases() const {
  Phase phase;
  phase.optimizer = config_.optimizer;
  phase.schedule = config_.schedule;
  phase.clip_norm = config_.clip_norm;
  return {phase};
}

std::shared_ptr<data::Dataset> TranscriberTask::excerpts(const std::string& split) const {
  return std::make_shared<Excerpts>(
      recordings_->split(split),
      ExcerptOptions{config_.sequence_samples, config_.gain_db, config_.noise_dbfs},
      recordings_->fingerprint());
}

std::vector<std::pair<std::string, Task::DatasetOpener>> TranscriberTask::datasets() {
  std::vector<std::pair<std::string, DatasetOpener>> list;
  for (const char* split : {"train", "valid", "test"}) {
    list.emplace_back(split, [this, split] { return excerpts(split); });
  }
  return list;
}

std::shared_ptr<data::BatchSource> TranscriberTask::source() {
  const auto examples = excerpts("train");
  return std::make_shared<data::Loader>(
      examples,
      std::make_shared<data::PermutationSampler>(examples->size()),
      config_.loader,
      args_.seed);
}

Loss TranscriberTask::loss(
    const std::string& phase, const TensorDict& batch, StepContext& context) {
  const Transcription heard = model_->transcribe(log_mel(batch.tensor("audio").to(args_.device)));
  const torch::Tensor label = batch.tensor("label").to(args_.device);
  MMI_CHECK(
      ShapeError,
      label.sizes() == heard.onset.sizes(),
      "\"label\" of the excerpts must be {}, but is {}",
      heard.onset.sizes().vec(),
      label.sizes().vec());
  const torch::Tensor onset = label.eq(3).to(torch::kFloat32);
  const torch::Tensor velocity =
      batch.tensor("velocity").to(args_.device, torch::kFloat32).div_(kVelocityScale);
  // Zero without an onset.
  const torch::Tensor velocity_error =
      (onset * (velocity - heard.velocity).square()).sum() / onset.sum().clamp_min(1);
  const torch::Tensor onset_error = torch::binary_cross_entropy(heard.onset, onset);
  const torch::Tensor offset_error =
      torch::binary_cross_entropy(heard.offset, label.eq(1).to(torch::kFloat32));
  const torch::Tensor frame_error =
      torch::binary_cross_entropy(heard.frame, label.gt(1).to(torch::kFloat32));
  Loss loss;
  loss.total = onset_error + offset_error + frame_error + velocity_error;
  loss.parts = {
      {"onset", onset_error.detach()},
      {"offset", offset_error.detach()},
      {"frame", frame_error.detach()},
      {"velocity", velocity_error.detach()}};
  return loss;
}

Transcription TranscriberTask::hear(const ScoredSound& sound, Progress* bar) {
  const torch::NoGradGuard no_grad;
  const std::int64_t frames = frames_of(sound);
  std::vector<torch::Tensor> parts;
  for (std::int64_t start = 0; start < frames; start += kPieceFrames) {
    const std::int64_t count = std::min(kPieceFrames, frames - start);
    const std::int64_t before = std::min(start, kContextFrames);
    const std::int64_t after = std::min(kContextFrames, frames - start - count);
    const std::int64_t first = (start - before) * kSoundHop;
    // At least four frames, which the mirrored edges need.
    const std::int64_t samples = std::max(
        std::min((before + count + after) * kSoundHop, sound.samples() - first), 4 * kSoundHop);
    const torch::Tensor audio = sound.read(first, samples).unsqueeze(0);
    const torch::Tensor heard = model_->forward(log_mel(audio.to(args_.device)))[0];
    parts.push_back(heard.slice(1, before, before + count).to(torch::kCPU));
    if (bar != nullptr) {
      bar->advance(count);
    }
  }
  const torch::Tensor all = torch::cat(parts, 1);
  return {all[0], all[1], all[2], all[3], all[4]};
}

music::Notes TranscriberTask::notes_of(const Transcription& heard, const NoteThresholds& at) const {
  return decode_notes(heard.onset, heard.frame, heard.velocity, at.onset, at.frame);
}

std::vector<Transcription> TranscriberTask::hear_all(const ScoredSoundList& list) {
  std::int64_t frames = 0;
  for (const auto& sound : list) {
    frames += frames_of(*sound);
  }
  std::vector<Transcription> heard;
  Progress bar("listening", frames);
  for (const auto& sound : list) {
    heard.push_back(hear(*sound, &bar));
  }
  return heard;
}

Task::ItemMetrics TranscriberTask::evaluate_items(const std::string& split) {
  const ScoredSoundList list = recordings_->split(split);
  const std::vector<Transcription> heard = hear_all(list);
  ItemMetrics items;
  for (std::size_t i = 0; i < list.size(); ++i) {
    items.emplace_back(list[i]->name(), scores_of(notes_of(heard[i], thresholds_), *list[i]));
  }
  return items;
}

Metrics TranscriberTask::evaluate(const std::string& split) {
  const ItemMetrics items = evaluate_items(split);
  Metrics mean = items.front().second;
  for (std::size_t m = 0; m < mean.size(); ++m) {
    mean[m].second = 0;
    for (const auto& [name, scores] : items) {
      mean[m].second += scores[m].second / static_cast<double>(items.size());
    }
  }
  return mean;
}

std::pair<std::string, bool> TranscriberTask::selection() const {
  return {"note_f1", true};
}

double TranscriberTask::mean_note_f1(
    const std::vector<Transcription>& heard,
    const ScoredSoundList& list,
    const NoteThresholds& at,
    bool offsets) const {
  metrics::NoteTolerance tolerance;
  tolerance.offsets = offsets;
  double sum = 0;
  for (std::size_t i = 0; i < list.size(); ++i) {
    sum += metrics::note_scores(notes_of(heard[i], at), list[i]->notes(), tolerance).f1;
  }
  return sum / static_cast<double>(list.size());
}

std::map<std::string, double> TranscriberTask::calibrate() {
  if (config_.calibrate) {
    const ScoredSoundList list = recordings_->split("valid");
    const std::vector<Transcription> heard = hear_all(list);
    const auto choose = [&](double NoteThresholds::* which, bool offsets) {
      NoteThresholds at = thresholds_;
      double best = -1;
      for (int step = 1; step < 20; ++step) {
        at.*which = 0.05 * step;
        const double f1 = mean_note_f1(heard, list, at, offsets);
        if (f1 > best) {
          best = f1;
          thresholds_.*which = at.*which;
        }
      }
    };
    choose(&NoteThresholds::onset, false);
    choose(&NoteThresholds::frame, true);
  }
  return {{"onset_threshold", thresholds_.onset}, {"frame_threshold", thresholds_.frame}};
}

void TranscriberTask::restore(const std::map<std::string, double>& calibration) {
  for (const auto& [name, which] :
       {std::pair{"onset_threshold", &NoteThresholds::onset},
        std::pair{"frame_threshold", &NoteThresholds::frame}}) {
    if (const auto at = calibration.find(name); at != calibration.end()) {
      thresholds_.*which = at->second;
    }
  }
}

std::vector<Artifact> TranscriberTask::generate(const GenerateRequest& request) {
  const auto sound = read_sound(request.input);
  Progress bar("listening", frames_of(*sound));
  const Transcription heard = hear(*sound, &bar);
  const music::Notes notes = notes_of(heard, thresholds_);
  std::vector<RollPanel> panels(3);
  panels[0] = {"Where notes begin (onset probabilities)", heard.onset};
  panels[1] = {"What sounds (frame probabilities)", heard.frame};
  panels[2] = {"Notes", decided_roll(notes, heard.frame.size(0)).to(torch::kFloat32)};
  const auto truth = request.options.find("truth");
  if (truth != request.options.end()) {
    panels[2].title = "Notes against the truth";
    panels[2].truth = decided_roll(music::read_notes(truth->second, true), heard.frame.size(0));
  }
  const std::string out = request.out.string();
  draw_rolls(panels, kLowestPitch, kSoundFps).save_png(out + ".png");
  music::write_notes(out + ".mid", notes);
  return {
      {out + ".mid", format("{} notes", notes.size())}, {out + ".png", "probabilities and notes"}};
}

std::string TranscriberTask::data_fingerprint() const {
  return recordings_->fingerprint();
}

}  // namespace mmi::models::audeo
