#pragma once

#include <functional>
#include <string>
#include <vector>

#include "mmi/base/api.h"

namespace mmi::cli {

/// The `mmi` command: `args` without the program name; returns the exit code and never throws.
/// Results go to stdout, everything for people to stderr. Installs handlers for SIGINT and SIGTERM
/// while it runs: the first asks the training to stop after its step, the second ends the process.
/// `python -m mmi` calls the same function; `interrupted` is asked too, when given.
MMI_API int cli_main(
    const std::vector<std::string>& args, const std::function<bool()>& interrupted = {});

}  // namespace mmi::cli

extern "C" MMI_API int mmi_cli_main(int argc, char** argv);
