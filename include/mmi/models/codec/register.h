#pragma once

#include "mmi/base/api.h"

namespace mmi::models::codec {

/// Adds training, data and tools of neural codecs to their registries.
MMI_API void register_codec();

}  // namespace mmi::models::codec
