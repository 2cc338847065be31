#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <string>
#include <utility>
#include <vector>

#include "mmi/base/api.h"

namespace mmi::nn {

using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

/// One tensor of a module's state.
struct StateEntry {
  std::string name;
  torch::Tensor tensor;
  bool is_parameter = false;
  std::string alias_of;  ///< name of the earlier entry with the same storage, or ""
};

/// All parameters and buffers in the order of Python's state_dict: per module its parameters, its
/// buffers, then its children. Optimisers, checkpoints and Python use this enumeration alone.
MMI_API std::vector<StateEntry> state_of(const torch::nn::Module& module);

/// Number of trainable elements, shared tensors counted once.
MMI_API std::int64_t parameter_count(const torch::nn::Module& module);

/// Shell-style glob with * and ? over dotted names ("encoder.*").
MMI_API bool glob_match(const std::string& pattern, const std::string& name);

/// Parameters whose name matches any of the globs. A glob that matches none is a ConfigError with
/// the nearest name.
MMI_API NamedTensors
match_parameters(const torch::nn::Module& module, const std::vector<std::string>& globs);

/// Copies every entry into `module`'s own memory. Strict: missing, unexpected or differently shaped
/// names are one CheckpointError that lists the first ten of each. `source` names the file in
/// messages.
MMI_API void load_state(
    torch::nn::Module& module, const NamedTensors& tensors, const std::string& source);

}  // namespace mmi::nn
