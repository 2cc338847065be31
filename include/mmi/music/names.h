#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mmi/base/api.h"

namespace mmi::music {

/// "C4" for 60, "A0" for 21, "F#3" for 54. Throws ConfigError outside 0..127.
MMI_API std::string key_name(int pitch);

/// 60 for "C4"; sharps "#", flats "b", octaves -1..9. Throws ConfigError for anything else.
MMI_API int key_number(std::string_view name);

/// True for the five black keys of each octave.
MMI_API bool is_black_key(int pitch);

/// The 128 names of General MIDI level 1, in program order, lower case.
MMI_API const std::vector<std::string>& gm_names();

/// Program number (0..127) of a General MIDI name; case and punctuation do not matter.
/// Throws ConfigError with the nearest name.
MMI_API int gm_program(std::string_view name);

}  // namespace mmi::music
