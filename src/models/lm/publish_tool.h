#pragma once

namespace mmi::models::lm {

/// `mmi lm publish`.
void register_publish_tool();

}  // namespace mmi::models::lm
