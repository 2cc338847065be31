#pragma once

namespace mmi::models::lm {

/// mmi lm generate
void register_lm_tools();

}  // namespace mmi::models::lm
