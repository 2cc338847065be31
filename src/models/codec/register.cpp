#include "mmi/models/codec/register.h"

#include "models/codec/codec_tools.h"

namespace mmi::models::codec {

void register_codec() {
  register_codec_tools();
}

}  // namespace mmi::models::codec
