#pragma once

#include <torch/types.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "mmi/base/api.h"
#include "mmi/lm/causal_lm.h"

namespace mmi::lm {

struct LoadOptions {
  std::optional<torch::ScalarType> dtype = torch::kFloat;  ///< of the weights; none: the file's
  torch::Device device = torch::kCPU;
  /// Called with each of CausalLm::products as soon as its weights are there, so that what makes
  /// them smaller can do so before the next layer takes memory.
  std::function<void(nn::MatrixLayer&)> on_layer = {};
};

/// A model from a folder as transformers saves it: `config.json` and `model.safetensors`, or
/// `model.safetensors.index.json` with its shards. Weights go straight from the mapped file to
/// their place, one shard after the other. End ids of `generation_config.json` count before those
/// of `config.json`. In eval mode. CheckpointError lists all tensors that are missing, left over or
/// of another shape, and says which shard is missing, cut off or not what the index says.
MMI_API std::shared_ptr<CausalLm> load_causal_lm(
    const std::filesystem::path& folder, const LoadOptions& options = {});

/// `config.json` and `model.safetensors`, which transformers 5 reads. ConfigError for flags that no
/// family of transformers has.
MMI_API void save_causal_lm(const CausalLm& model, const std::filesystem::path& folder);

}  // namespace mmi::lm
