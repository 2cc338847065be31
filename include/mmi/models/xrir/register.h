#pragma once

#include "mmi/base/api.h"

namespace mmi::models::xrir {

/// Adds the parts of xRIR to their registries: the tools `mmi rooms …` and
/// `mmi xrir …`.
MMI_API void register_xrir();

}  // namespace mmi::models::xrir
