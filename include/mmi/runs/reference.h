#pragma once

#include <string>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"

namespace mmi::runs {

/// Markdown page with every setting of every registered part: name, type, default, range, meaning.
MMI_API std::string config_reference();

/// The full tree as YAML, every value that was written somewhere with its origin as a comment.
MMI_API std::string show(const config::Node& values, const config::Node& origins);

/// A setting that is not the same in two trees; "–" where it is missing.
struct Difference {
  std::string path;
  std::string left;
  std::string right;
};

MMI_API std::vector<Difference> differences(const config::Node& a, const config::Node& b);

}  // namespace mmi::runs
