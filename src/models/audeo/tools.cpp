#include "models/audeo/tools.h"

#include "mmi/base/errors.h"

namespace mmi::models::audeo {

std::string folder_of(Split split) {
  return split == Split::kTraining ? "training" : "testing";
}

std::string recording_name(const std::string& setting, const std::filesystem::path& file) {
  const std::string name = setting.empty() ? file.stem().string() : setting;
  MMI_CHECK(
      ConfigError,
      !name.empty() && name[0] != '.' && name.find('/') == std::string::npos,
      "video: \"{}\" must be a name for a folder, without slashes and without a dot in front",
      name);
  return name;
}

void register_tools() {
  auto& tools = Registry<Tool>::get();
  tools.add<Video2FramesConfig>(
      "audeo/video2frames",
      "a piano video to keyboard stills in the published layout",
      [](const Video2FramesConfig& config, const Tool::BuildArgs&) {
        return make_video2frames(config);
      });
  tools.add<Midi2LabelsConfig>(
      "audeo/midi2labels",
      "a MIDI file to labels and rolls in the published layout",
      [](const Midi2LabelsConfig& config, const Tool::BuildArgs&) {
        return make_midi2labels(config);
      });
  tools.add<CalibrateConfig>(
      "audeo/calibrate",
      "the best threshold of a run on a clip whose notes are known",
      [](const CalibrateConfig& config, const Tool::BuildArgs&) { return make_calibrate(config); });
  tools.add<FallingNotesConfig>(
      "audeo/falling-notes",
      "a MIDI file to a video of notes that fall onto a keyboard",
      [](const FallingNotesConfig& config, const Tool::BuildArgs&) {
        return make_falling_notes(config);
      });
}

}  // namespace mmi::models::audeo
