#pragma once

#include <string>

#include "mmi/base/errors.h"

namespace mmi::io {

[[noreturn]] inline void throw_without_media(const std::string& what) {
  throw NotBuiltError(format(
      "{} needs the media libraries, which this build was configured without: configure it with "
      "-DMMI_MEDIA=ON",
      what));
}

}  // namespace mmi::io
