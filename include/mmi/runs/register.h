#pragma once

#include "mmi/base/api.h"

namespace mmi {

/// Fills every registry with libmmi's own parts; call it once before building anything by name.
/// Further calls do nothing. A program's own parts are added to the registries afterwards.
MMI_API void register_all();

}  // namespace mmi
