#pragma once

#include <torch/types.h>

#include <map>
#include <memory>
#include <string>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/base/progress.h"
#include "mmi/data/loader.h"
#include "mmi/models/audeo/onsets_frames.h"
#include "mmi/models/audeo/sounds.h"
#include "mmi/music/note.h"
#include "mmi/task/task.h"

namespace mmi::models::audeo {

struct MMI_API TranscriberTaskConfig {
  OnsetsFramesConfig model;
  config::Component<ScoredSounds> recordings;
  std::int64_t sequence_samples = 327680;
  double gain_db = 0;
  double noise_dbfs = -100;
  double onset_threshold = 0.5;
  double frame_threshold = 0.5;
  bool calibrate = false;
  double clip_norm = 3;
  data::LoaderConfig loader{8, 1, 4};
  nn::OptimizerConfig optimizer{.lr = 6e-4};
  nn::ScheduleConfig schedule;

  TranscriberTaskConfig();

  static const config::Schema& schema();
};

/// Probabilities from which a note begins and goes on.
struct NoteThresholds {
  double onset = 0.5;
  double frame = 0.5;
};

/// Learns the notes of piano sound (Onsets and Frames), which gives Audeo's labels for real videos:
/// random excerpts of recordings, binary cross entropy of onsets, offsets and frames, squared error
/// of velocities at onsets.
class MMI_API TranscriberTask : public Task {
 public:
  TranscriberTask(const TranscriberTaskConfig& config, const BuildArgs& args);

  torch::nn::Module& module() override;
  std::vector<Phase> phases() const override;
  std::shared_ptr<data::BatchSource> source() override;
  std::vector<std::pair<std::string, DatasetOpener>> datasets() override;
  Loss loss(const std::string& phase, const TensorDict& batch, StepContext& context) override;

  /// Note scores (onsets within 50 ms; with offsets within 50 ms or 20 %) and frame F1 of the
  /// decoded notes, means over the recordings in percent.
  Metrics evaluate(const std::string& split) override;
  ItemMetrics evaluate_items(const std::string& split) override;
  std::pair<std::string, bool> selection() const override;

  /// With `calibrate`, the thresholds: onset by note F1, then frame by note F1 with offsets, on
  /// "valid".
  std::map<std::string, double> calibrate() override;
  void restore(const std::map<std::string, double>& calibration) override;

  /// Any sound or video → `<out>.mid` and `<out>.png`; option `truth`: a MIDI file to compare with.
  std::vector<Artifact> generate(const GenerateRequest& request) override;
  std::string data_fingerprint() const override;

  /// What the network hears, (T,88) each. A long sound is heard in pieces of 20 s with 2 s of
  /// context on both sides that are thrown away, each from silent LSTM states as in training:
  /// memory does not grow with the sound. `bar` advances by frames.
  Transcription hear(const ScoredSound& sound, Progress* bar = nullptr);

  /// The notes of what was heard; default: the thresholds of the run.
  music::Notes notes_of(const Transcription& heard, const NoteThresholds& at) const;

  const NoteThresholds& thresholds() const {
    return thresholds_;
  }

 private:
  std::shared_ptr<data::Dataset> excerpts(const std::string& split) const;
  std::vector<Transcription> hear_all(const ScoredSoundList& list);
  double mean_note_f1(
      const std::vector<Transcription>& heard,
      const ScoredSoundList& list,
      const NoteThresholds& at,
      bool offsets) const;

  TranscriberTaskConfig config_;
  BuildArgs args_;
  std::shared_ptr<const ScoredSounds> recordings_;
  std::shared_ptr<OnsetsAndFrames> model_;
  NoteThresholds thresholds_;
};

}  // namespace mmi::models::audeo
