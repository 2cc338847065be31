#pragma once

#include <string>

#include "mmi/base/api.h"

namespace mmi {

/// "0.1.0"
MMI_API std::string version();

/// Short commit id of the sources at configure time, or "unknown".
MMI_API std::string source_revision();

}  // namespace mmi
