#include "mmi/models/lm/register.h"

#include "models/lm/lm_tools.h"

namespace mmi::models::lm {

void register_lm() {
  register_lm_tools();
}

}  // namespace mmi::models::lm
