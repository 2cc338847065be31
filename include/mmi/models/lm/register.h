#pragma once

#include "mmi/base/api.h"

namespace mmi::models::lm {

/// Adds the training of language models and their tools to their registries.
MMI_API void register_lm();

}  // namespace mmi::models::lm
