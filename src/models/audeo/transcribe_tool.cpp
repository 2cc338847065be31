#include "models/audeo/transcribe_tool.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/base/log.h"
#include "mmi/io/npy.h"
#include "mmi/models/audeo/recordings.h"
#include "mmi/models/audeo/transcriber_task.h"
#include "mmi/music/midi.h"
#include "mmi/music/roll.h"
#include "mmi/tensor/array.h"

namespace mmi::models::audeo {
namespace {

namespace fs = std::filesystem;

bool names_midi(const fs::path& path) {
  return path.extension() == ".mid" || path.extension() == ".midi";
}

/// One MIDI file per sound: `out` itself, or the sound's name with .mid in the folder `out`, by
/// default where we are. Without `out` nothing is replaced: a .mid of the same name may be the
/// truth.
std::vector<fs::path> targets_of(const std::vector<fs::path>& sounds, const fs::path& out) {
  if (names_midi(out)) {
    MMI_CHECK(
        ConfigError,
        sounds.size() == 1,
        "{} sounds cannot share the file {}: name a folder",
        sounds.size(),
        out.string());
    return {out};
  }
  std::vector<fs::path> targets;
  std::set<fs::path> taken;
  for (const fs::path& sound : sounds) {
    targets.push_back(out / sound.stem().concat(".mid"));
    MMI_CHECK(
        ConfigError,
        taken.insert(targets.back()).second,
        "two of the sounds are called {}: transcribe them into different folders",
        sound.stem().string());
    MMI_CHECK(
        ConfigError,
        !out.empty() || !fs::exists(targets.back()),
        "{} exists: say with --out where the notes go",
        targets.back().string());
  }
  return targets;
}

/// Velocities per frame as Audeo's label files hold them: `frame` (F) int64, `label` (F,88)
/// float32. A note fills the frames floor(onset * fps) .. floor(offset * fps) - 1, at least one.
void write_labels(const fs::path& path, const music::Notes& notes, double duration_s, double fps) {
  const std::int64_t frames = std::max<std::int64_t>(1, std::llround(duration_s * fps));
  torch::Tensor label = torch::zeros({frames, kPianoKeys});
  auto cell = label.accessor<float, 2>();
  for (const music::Note& note : notes) {
    const std::int64_t first = music::frame_of(note.onset_s, fps);
    const std::int64_t end = std::max(first + 1, music::frame_of(note.offset_s, fps));
    for (std::int64_t t = first; t < std::min(end, frames); ++t) {
      cell[t][note.pitch - kLowestPitch] = static_cast<float>(note.velocity);
    }
  }
  io::write_npz(path, {{"frame", to_array(torch::arange(frames))}, {"label", to_array(label)}});
}

}  // namespace

const config::Schema& TranscribeConfig::schema() {
  using C = TranscribeConfig;
  static const config::Schema made =
      config::Table<C>("audeo/transcribe", "piano sound to MIDI files")
          .field(
              "onset_threshold",
              &C::onset_threshold,
              "probability above which a note begins (default: the run's)",
              config::between(0, 1))
          .field(
              "frame_threshold",
              &C::frame_threshold,
              "probability above which it goes on (default: the run's)",
              config::between(0, 1))
          .field(
              "labels_fps",
              &C::labels_fps,
              "also write <name>.npz with the labels of a video of this frame rate, Audeo's is 25 "
              "(0: none)",
              config::between(0, 1000));
  return made;
}

ToolResult TranscribeTool::run(const ToolCall& call) {
  MMI_CHECK(
      ConfigError,
      call.inputs.size() >= 2,
      "`mmi audeo transcribe` needs a run of audeo/transcriber and at least one sound");
  const std::vector<fs::path> sounds(call.inputs.begin() + 1, call.inputs.end());
  const std::vector<fs::path> targets = targets_of(sounds, call.out);
  const auto opened = call.open(call.inputs.front().string());
  const auto task = std::dynamic_pointer_cast<TranscriberTask>(opened);
  MMI_CHECK(
      ConfigError,
      task != nullptr,
      "{} is no run of audeo/transcriber: train one with `mmi train "
      "configs/audeo/transcriber.yaml`",
      call.inputs.front().string());
  NoteThresholds at = task->thresholds();
  at.onset = config_.onset_threshold.value_or(at.onset);
  at.frame = config_.frame_threshold.value_or(at.frame);
  ToolResult result;
  double seconds = 0;
  std::size_t count = 0;
  for (std::size_t i = 0; i < sounds.size() && !call.stop(); ++i) {
    const auto sound = read_sound(sounds[i]);
    const double duration_s = static_cast<double>(sound->samples()) / kSoundRateHz;
    Progress bar("listening to " + sound->name(), (sound->samples() + kSoundHop - 1) / kSoundHop);
    const music::Notes notes = task->notes_of(task->hear(*sound, &bar), at);
    if (notes.empty()) {
      log::warning("{}: no note was heard", sounds[i].string());
    }
    if (targets[i].has_parent_path()) {
      mmi::create_directories(targets[i].parent_path());
    }
    music::write_notes(targets[i], notes);
    result.files.push_back({targets[i], format("{} notes in {:.1f} s", notes.size(), duration_s)});
    if (config_.labels_fps > 0) {
      const fs::path labels = fs::path(targets[i]).replace_extension(".npz");
      write_labels(labels, notes, duration_s, config_.labels_fps);
      result.files.push_back({labels, format("labels at {} frames/s", config_.labels_fps)});
    }
    seconds += duration_s;
    count += notes.size();
  }
  result.values = {
      {"sounds", static_cast<double>(targets.size())},
      {"seconds", seconds},
      {"notes", static_cast<double>(count)}};
  return result;
}

void register_transcribe_tool() {
  Registry<Tool>::get().add<TranscribeConfig>(
      "audeo/transcribe",
      "piano sound, or the sound of a video, to MIDI files",
      [](const TranscribeConfig& config, const Tool::BuildArgs&) {
        return std::make_shared<TranscribeTool>(config);
      });
}

}  // namespace mmi::models::audeo
