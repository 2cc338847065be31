#pragma once

#include <torch/types.h>

#include <filesystem>
#include <functional>
#include <string>

#include "mmi/base/api.h"

namespace mmi::models::xrir {

/// Where simulated rooms are kept: `setting`, or for "auto" $MMI_CACHE, else $XDG_CACHE_HOME/mmi,
/// else ~/.cache/mmi; empty for "none".
MMI_API std::filesystem::path rooms_cache(const std::string& setting);

/// The responses in `file`, or what `simulate` makes and the file then holds; no file when its path
/// is empty. Undefined when another process has them in work and `wait` is false.
torch::Tensor cached_responses(
    const std::filesystem::path& file, bool wait, const std::function<torch::Tensor()>& simulate);

}  // namespace mmi::models::xrir
