#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "mmi/base/api.h"
#include "mmi/nn/layers.h"
#include "mmi/nn/lora_config.h"

/// Low-rank adaptation of linear layers (Hu et al., ICLR 2022), in the file format of PEFT:
/// y = W x + scale B(A(dropout(x))), with A (r,in) and B (out,r) trained and all else frozen.
namespace mmi::nn {

/// What Linear::adapter points to. A and B are the layer's children lora_A and lora_B.
struct MMI_API LoraAdapter {
  std::shared_ptr<Linear> a;  ///< float32 on a CPU, elsewhere of the layer's type
  std::shared_ptr<Linear> b;
  double scale = 1;
  double dropout = 0;
  bool merged = false;  ///< its product is in the layer's weight already
  std::shared_ptr<const LoraConfig> config;

  torch::Tensor forward(const torch::Tensor& x, bool training) const;

  /// (out,in) float32: what the adapter adds to the weight.
  torch::Tensor delta() const;
};

/// Freezes the module and gives an adapter to every targeted nn::Linear; returns how many. A is
/// drawn as torch's layers are, B begins with zeros: nothing changes at first. ConfigError if no
/// layer is targeted and for a layer that has an adapter.
MMI_API std::int64_t add_lora(torch::nn::Module& module, const LoraConfig& config);

/// What the adapters were made with. ConfigError for a module without adapters.
MMI_API const LoraConfig& lora_config(const torch::nn::Module& module);

/// Adds the adapters' products to the weights, or takes them out again (equal up to rounding).
/// ConfigError for int8 weights and for a module without adapters.
MMI_API void merge_lora(torch::nn::Module& module);
MMI_API void unmerge_lora(torch::nn::Module& module);

/// Takes the adapters away. Merged weights stay as they are.
MMI_API void remove_lora(torch::nn::Module& module);

/// From a folder of PEFT with adapter_config.json and adapter_model.safetensors, also with the
/// names of a whole model's dump (".default", ".base_layer"), whose frozen weights are left out.
/// Returns how many layers were adapted. CheckpointError for what is not plain LoRA (DoRA, other
/// PEFT types, trained biases, further trained modules …) and one that lists all missing,
/// unexpected and wrongly shaped tensors; the module is then as it was.
MMI_API std::int64_t load_lora(torch::nn::Module& module, const std::filesystem::path& folder);

/// What PEFT's from_pretrained reads. `base` is the name or folder of the adapted model, if known.
/// ConfigError for a module without adapters.
MMI_API void save_lora(
    const torch::nn::Module& module,
    const std::filesystem::path& folder,
    const std::string& base = "");

}  // namespace mmi::nn
