#include "mmi/models/codec/register.h"

namespace mmi::models::codec {

void register_codec() {}

}  // namespace mmi::models::codec
