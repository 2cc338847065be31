#pragma once

#include "mmi/models/xrir/register.h"

namespace mmi::models::xrir {

/// Fills the registries once a process, whichever tests run in it.
inline void register_xrir_once() {
  static const bool done = [] {
    register_xrir();
    return true;
  }();
  static_cast<void>(done);
}

}  // namespace mmi::models::xrir
