#pragma once

#include "mmi/codecs/codec.h"
#include "mmi/models/codec/register.h"

namespace mmi::models::codec {

/// Fills the registries once a process, whichever tests run in it.
inline void register_codec_once() {
  static const bool done = [] {
    codecs::register_codecs();
    register_codec();
    return true;
  }();
  static_cast<void>(done);
}

}  // namespace mmi::models::codec
