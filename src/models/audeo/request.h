#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "mmi/io/video.h"
#include "mmi/task/task.h"

namespace mmi::models::audeo {

/// An option of the request; "" where it is not given.
std::string option(const GenerateRequest& request, const std::string& name);

/// General MIDI program 0..127 of a number or name; "" is the grand piano. ConfigError.
int parse_program(const std::string& text);

/// Seconds of a video; `end_s` 0: to its end.
struct Stretch {
  double start_s = 0;
  double end_s = 0;
};

/// The region of a video that `crop` names, or nothing for the whole picture:
///   x1,y1,x2,y2   in pixels of the source
///   none          the whole picture
///   auto or ""    the keyboard that find_keyboard sees in 15 frames over the stretch. A picture at
///                 least 7.5 times as wide as high is a keyboard crop already (the published ones
///                 are about 9 : 1) and is taken whole.
/// ConfigError for anything else, DataError where no complete keyboard is found. The choice is
/// logged.
std::optional<io::CropBox> choose_crop(
    const std::filesystem::path& video,
    const std::string& crop,
    io::OnError on_error = io::OnError::kRaise,
    const Stretch& stretch = {});

}  // namespace mmi::models::audeo
