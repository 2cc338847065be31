#pragma once

namespace mmi::models::codec {

/// `mmi codec encode` and `mmi codec decode`: sound files ↔ files of tokens, in bounded memory.
void register_codec_tools();

}  // namespace mmi::models::codec
