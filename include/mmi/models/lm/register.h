#pragma once

#include "mmi/base/api.h"

namespace mmi::models::lm {

/// Adds the tools of language models to their registry.
MMI_API void register_lm();

}  // namespace mmi::models::lm
