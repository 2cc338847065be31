#include <algorithm>

#include "mmi/base/errors.h"
#include "mmi/data/formats/audeo.h"
#include "mmi/models/audeo/recordings.h"
#include "mmi/music/midi.h"
#include "mmi/music/roll.h"
#include "models/audeo/tools.h"

namespace mmi::models::audeo {
namespace {

namespace fs = std::filesystem;

class Midi2Labels : public Tool {
 public:
  explicit Midi2Labels(const Midi2LabelsConfig& config) : config_(config) {}

  std::string usage() const override {
    return "<notes.mid> --out DIR";
  }

  ToolResult run(const ToolCall& call) override {
    MMI_CHECK(
        ConfigError,
        call.inputs.size() == 1 && !call.out.empty(),
        "mmi audeo midi2labels takes one MIDI file and --out DIR, the folder of the data set");
    const std::string split = folder_of(config_.split);
    const std::string name = recording_name(config_.video, call.inputs[0]);
    const fs::path labels = call.out / "labels" / split / (name + ".npz");
    const fs::path rolls = call.out / "midi" / split / name;
    MMI_CHECK(
        DataError,
        !fs::exists(labels),
        "{} exists already: remove it, or give this recording another name with video=NAME",
        labels.string());
    const music::Notes notes = shifted(music::read_notes(call.inputs[0], config_.sustain));
    const data::formats::AudeoLayout layout(call.out);
    const torch::Tensor label = label_of(notes, frames_of(layout, split, name, notes));
    const std::int64_t frames = label.size(0);
    MMI_CHECK(
        DataError,
        frames > 0,
        "{}: has no notes, so that frames=N must say how long it is",
        call.inputs[0].string());
    // Labels come last: a recording that has them is finished.
    fs::remove_all(rolls);
    layout.write_segments("midi", split, name, 0, {{"midi", label.gt(0).to(torch::kFloat32)}});
    layout.write_labels(split, name, {torch::arange(frames), label});
    ToolResult result;
    result.files.push_back({labels, format("labels of {} frames", frames)});
    result.files.push_back({rolls, "rolls of 50 frames"});
    result.values.emplace_back("frames", static_cast<double>(frames));
    result.values.emplace_back("notes", static_cast<double>(notes.size()));
    result.values.emplace_back(
        "pressed_keys_per_frame", label.gt(0).sum(1).to(torch::kFloat64).mean().item<double>());
    return result;
  }

 private:
  music::RollConfig roll_config() const {
    music::RollConfig config;
    config.fps = kFps;
    config.low_pitch = kLowestPitch;
    config.keys = static_cast<int>(kPianoKeys);
    config.end_one_frame_early = config_.end_one_frame_early;
    return config;
  }

  /// Times from `start_s` on, on the piano's keys.
  music::Notes shifted(music::Notes notes) const {
    std::erase_if(notes, [&](music::Note& note) {
      note.onset_s -= config_.start_s;
      note.offset_s -= config_.start_s;
      const int key = note.pitch - kLowestPitch;
      return note.offset_s <= 0 || key < 0 || key >= kPianoKeys;
    });
    return notes;
  }

  /// As told, else as many as there are stills, else as the notes need.
  std::int64_t frames_of(
      const data::formats::AudeoLayout& layout,
      const std::string& split,
      const std::string& name,
      const music::Notes& notes) const {
    if (config_.frames > 0) {
      return config_.frames;
    }
    if (fs::is_directory(layout.root() / "input_images" / split / name)) {
      return layout.frames(split, name).back().number + 1;
    }
    return music::roll_frames(notes, roll_config());
  }

  /// (F,88) float32: 0 or 1, or velocities.
  torch::Tensor label_of(const music::Notes& notes, std::int64_t frames) const {
    music::RollConfig config = roll_config();
    torch::Tensor label = torch::zeros({frames, kPianoKeys});
    for (const music::Note& note : notes) {
      const std::int64_t first = std::max<std::int64_t>(0, music::frame_of(note.onset_s, kFps));
      const std::int64_t last = std::min(frames, music::roll_frames({note}, config));
      if (first < last) {
        label.select(1, note.pitch - kLowestPitch)
            .slice(0, first, last)
            .fill_(config_.velocity ? note.velocity : 1);
      }
    }
    return label;
  }

  Midi2LabelsConfig config_;
};

}  // namespace

const config::Schema& Midi2LabelsConfig::schema() {
  using C = Midi2LabelsConfig;
  static const config::Schema made =
      config::Table<C>("audeo/midi2labels", "labels and rolls, frame floor(25 t), key 0 = A0")
          .field("split", &C::split, "which part of the data set")
          .field("video", &C::video, "name of the recording; empty: the file's")
          .field("start_s", &C::start_s, "second of the MIDI file that is frame 0")
          .field(
              "frames",
              &C::frames,
              "length; 0: that of the recording's stills, else as the notes need",
              config::at_least(0))
          .field(
              "sustain", &C::sustain, "notes sound as long as the pedal (controller 64) holds them")
          .field(
              "end_one_frame_early",
              &C::end_one_frame_early,
              "keeps a key that is struck again at once apart")
          .field("velocity", &C::velocity, "labels hold velocities 1..127 instead of 1");
  return made;
}

std::shared_ptr<Tool> make_midi2labels(const Midi2LabelsConfig& config) {
  return std::make_shared<Midi2Labels>(config);
}

}  // namespace mmi::models::audeo
