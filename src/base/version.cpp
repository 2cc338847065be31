#include "mmi/base/version.h"

namespace mmi {

std::string version() {
  return MMI_VERSION;
}

std::string source_revision() {
  return MMI_REVISION;
}

}  // namespace mmi
