#pragma once

#include <filesystem>
#include <string>

#include "mmi/base/errors.h"
#include "mmi/io/audio.h"

namespace mmi::io {

[[noreturn]] inline void throw_without_media(const std::string& what) {
  throw NotBuiltError(format(
      "{} needs the media libraries, which this build was configured without: configure it with "
      "-DMMI_MEDIA=ON",
      what));
}

/// The best sound track of any container that FFmpeg knows.
Audio read_audio_by_ffmpeg(const std::filesystem::path& path, const AudioReadOptions& options);

}  // namespace mmi::io
