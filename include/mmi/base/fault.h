#pragma once

#include "mmi/base/api.h"

namespace mmi {

/// A place where saving can go wrong, for tests: `MMI_FAULT=NAME@N:ACTION` lets the N-th passage
/// (from 1; "*@N" counts all names) of the process end by SIGKILL ("kill"), or report EIO or ENOSPC
/// ("eio", "enospc") as the system would; `MMI_FAULT=trace:FILE` appends each name passed to FILE.
/// Returns the error number to fail with, 0 to go on. Always 0 in builds without tests.
MMI_API int fault_point(const char* name);

}  // namespace mmi
