#pragma once

#include <string>

#include "mmi/base/api.h"
#include "mmi/base/config.h"

namespace mmi::runs {

/// Markdown page with every setting of every registered part: name, type, default, range, meaning.
MMI_API std::string config_reference();

/// The full tree as YAML, every value that was written somewhere with its origin as a comment.
MMI_API std::string show(const config::Node& values, const config::Node& origins);

}  // namespace mmi::runs
