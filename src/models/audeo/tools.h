#pragma once

#include <array>
#include <memory>
#include <string>
#include <utility>

#include "mmi/base/config.h"
#include "mmi/task/tool.h"

/// `mmi audeo <tool>`: from users' own recordings to data that the tasks read, and back.
namespace mmi::models::audeo {

enum class Split { kTraining, kTesting };

std::string folder_of(Split split);

/// The setting `video`, else the stem of the file. ConfigError for a name that is no folder name.
std::string recording_name(const std::string& setting, const std::filesystem::path& file);

struct Video2FramesConfig {
  Split split = Split::kTraining;
  std::string video;
  std::string crop = "auto";
  std::int64_t height = 100;
  std::int64_t width = 900;
  double start_s = 0;
  double end_s = 0;

  static const config::Schema& schema();
};

std::shared_ptr<Tool> make_video2frames(const Video2FramesConfig& config);

struct Midi2LabelsConfig {
  Split split = Split::kTraining;
  std::string video;
  double start_s = 0;
  std::int64_t frames = 0;
  bool sustain = false;
  bool end_one_frame_early = false;
  bool velocity = false;

  static const config::Schema& schema();
};

std::shared_ptr<Tool> make_midi2labels(const Midi2LabelsConfig& config);

struct CalibrateConfig {
  std::string crop = "auto";
  bool sustain = false;
  double start_s = 0;
  double step = 0.05;

  static const config::Schema& schema();
};

std::shared_ptr<Tool> make_calibrate(const CalibrateConfig& config);

struct FallingNotesConfig {
  std::int64_t width = 1280;
  std::int64_t height = 720;
  double seconds_ahead = 3;
  std::string program = "0";
  std::string crop = "auto";
  double still_s = 0;

  static const config::Schema& schema();
};

std::shared_ptr<Tool> make_falling_notes(const FallingNotesConfig& config);

void register_tools();

}  // namespace mmi::models::audeo

template <>
struct mmi::config::EnumNames<mmi::models::audeo::Split> {
  static constexpr std::array<std::pair<const char*, mmi::models::audeo::Split>, 2> names{{
      {"training", mmi::models::audeo::Split::kTraining},
      {"testing", mmi::models::audeo::Split::kTesting},
  }};
};
