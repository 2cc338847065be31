#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/io/dtype.h"

namespace mmi::lm {

/// What a file says of a tensor.
struct Listed {
  std::filesystem::path shard;
  std::vector<std::int64_t> shape;
  io::DType dtype = io::DType::kF32;
};

using Listing = std::map<std::string, Listed>;

/// All tensors of a folder as transformers saves it; only headers are read. CheckpointError for
/// shards that are missing or do not hold what the index says.
Listing list_tensors(const std::filesystem::path& folder);

/// Tensor → name of its file, of model.safetensors.index.json. CheckpointError, which begins with
/// `source`.
MMI_API std::map<std::string, std::string> shards_from_json(
    const nlohmann::json& object, const std::string& source);

}  // namespace mmi::lm
