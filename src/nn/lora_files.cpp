#include <torch/torch.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/io/json.h"
#include "mmi/nn/lora.h"
#include "mmi/nn/state.h"
#include "mmi/tensor/safetensors.h"
#include "nn/lora_targets.h"

namespace mmi::nn {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPrefix = "base_model.model.";

/// Removes `part` from `name`; whether it was there.
bool cut(std::string& name, std::string_view part) {
  const auto at = name.find(part);
  if (at == std::string::npos) {
    return false;
  }
  name.erase(at, part.size() - 1);  // its last dot stays
  return true;
}

struct File {
  std::map<std::string, torch::Tensor> tensors;  // by our names
  std::map<std::string, torch::Tensor> base;     // of a whole model's dump, likewise
};

File read_tensors(const fs::path& path) {
  File file;
  bool whole = false;
  for (auto& [key, tensor] : load_tensors(path)) {
    std::string name =
        key.starts_with(kPrefix) ? key.substr(std::string_view(kPrefix).size()) : key;
    const bool part = name.find(".lora_") != std::string::npos;
    whole = (part && cut(name, ".default.")) || whole;
    whole = (!part && cut(name, ".base_layer.")) || whole;
    (part ? file.tensors : file.base)[name] = std::move(tensor);
  }
  if (!whole) {
    file.tensors.merge(file.base);  // no frozen weights: whatever they are, they are too many
    file.base.clear();
  }
  return file;
}

std::string first_of(const std::vector<std::string>& all) {
  std::string text;
  for (std::size_t i = 0; i < all.size() && i < 10; ++i) {
    text += (i > 0 ? ", " : "") + all[i];
  }
  return all.size() > 10 ? text + ", …" : text;
}

std::string a_name(const std::string& layer) {
  return layer + ".lora_A.weight";
}

std::string b_name(const std::string& layer) {
  return layer + ".lora_B.weight";
}

/// Everything that is wrong, in one error.
void compare(
    const File& file, const std::map<std::string, LoraTarget>& targets, const fs::path& path) {
  std::vector<std::string> missing;
  std::vector<std::string> unexpected;
  std::vector<std::string> reshaped;
  std::set<std::string> known;
  for (const auto& [name, target] : targets) {
    const auto& weight = target.layer->weight;
    const std::map<std::string, std::vector<std::int64_t>> wanted{
        {a_name(name), {target.r, weight.size(1)}}, {b_name(name), {weight.size(0), target.r}}};
    for (const auto& [key, shape] : wanted) {
      known.insert(key);
      const auto found = file.tensors.find(key);
      if (found == file.tensors.end()) {
        missing.push_back(format("{} {}", key, shape));
      } else if (found->second.sizes() != shape) {
        reshaped.push_back(
            format("{} is {} there and {} here", key, found->second.sizes().vec(), shape));
      }
    }
  }
  for (const auto& [key, tensor] : file.tensors) {
    if (!known.contains(key)) {
      unexpected.push_back(format("{} {}", key, tensor.sizes().vec()));
    }
  }
  MMI_CHECK(
      CheckpointError,
      missing.empty() && unexpected.empty() && reshaped.empty(),
      "{} does not fit: {} missing [{}], {} unexpected [{}], {} of another shape [{}]",
      path.string(),
      missing.size(),
      first_of(missing),
      unexpected.size(),
      first_of(unexpected),
      reshaped.size(),
      first_of(reshaped));
}

}  // namespace

std::int64_t load_lora(torch::nn::Module& module, const fs::path& folder) {
  const fs::path described = folder / "adapter_config.json";
  const fs::path path = folder / "adapter_model.safetensors";
  MMI_CHECK(
      CheckpointError,
      fs::is_regular_file(described) && fs::is_regular_file(path),
      "{}: an adapter is a folder with adapter_config.json and adapter_model.safetensors, as PEFT "
      "saves it (mmi convert makes one of adapter_model.bin)",
      folder.string());
  const LoraConfig config = lora_from_json(io::read_json(described), described.string());
  const File file = read_tensors(path);
  const auto targets = lora_targets(module, config);
  compare(file, targets, path);
  for (torch::Tensor& parameter : module.parameters()) {
    parameter.requires_grad_(false);
  }
  attach_lora(targets, config);
  const torch::NoGradGuard no_grad;
  for (const auto& [name, target] : targets) {
    target.layer->adapter->a->weight.copy_(file.tensors.at(a_name(name)));
    target.layer->adapter->b->weight.copy_(file.tensors.at(b_name(name)));
  }
  return static_cast<std::int64_t>(targets.size());
}

void save_lora(const torch::nn::Module& module, const fs::path& folder, const std::string& base) {
  const auto layers = lora_layers(module);
  NamedTensors tensors;
  for (const auto& [name, layer] : layers) {
    tensors.emplace_back(kPrefix + a_name(name), layer->adapter->a->weight.detach());
    tensors.emplace_back(kPrefix + b_name(name), layer->adapter->b->weight.detach());
  }
  mmi::create_directories(folder);
  save_tensors(folder / "adapter_model.safetensors", tensors, {{"format", "pt"}});
  atomic_write(folder / "adapter_config.json", to_json(lora_config(module), base).dump(2) + "\n");
}

}  // namespace mmi::nn
