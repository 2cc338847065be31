#pragma once

#include <torch/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "mmi/base/api.h"

namespace mmi {

/// Writes named tensors (any device; copied to contiguous CPU memory) atomically.
MMI_API void save_tensors(
    const std::filesystem::path& path,
    const std::vector<std::pair<std::string, torch::Tensor>>& tensors,
    const std::map<std::string, std::string>& metadata = {});

/// CPU tensors in one block of memory that lives as long as any of them, in file order.
/// CheckpointError when the file is missing or invalid.
MMI_API std::vector<std::pair<std::string, torch::Tensor>> load_tensors(
    const std::filesystem::path& path);

}  // namespace mmi
