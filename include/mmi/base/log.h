#pragma once

#include <string_view>

#include "mmi/base/api.h"
#include "mmi/base/format.h"

/// Messages for people, written to stderr. libmmi uses its own named logger and leaves the host
/// program's loggers alone.
namespace mmi::log {

enum class Level { kDebug, kInfo, kWarning, kError, kOff };

MMI_API void set_level(Level level);
MMI_API void write(Level level, std::string_view text);

template <class... Args>
void debug(std::string_view pattern, const Args&... args) {
  write(Level::kDebug, format(pattern, args...));
}

template <class... Args>
void info(std::string_view pattern, const Args&... args) {
  write(Level::kInfo, format(pattern, args...));
}

template <class... Args>
void warning(std::string_view pattern, const Args&... args) {
  write(Level::kWarning, format(pattern, args...));
}

}  // namespace mmi::log
