#pragma once

#include "mmi/models/audeo/video2roll_task.h"
#include "mmi/task/task.h"

namespace mmi::models::audeo {

/// Audeo's parts by name; several test files of one binary ask for them.
inline void register_parts() {
  if (Registry<Task>::get().find("audeo/video2roll") == nullptr) {
    register_audeo();
  }
}

}  // namespace mmi::models::audeo
