#include "mmi/lm/files.h"

#include <torch/torch.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "lm/shards.h"
#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/io/json.h"
#include "mmi/io/safetensors.h"
#include "mmi/nn/init_context.h"
#include "mmi/nn/state.h"
#include "mmi/tensor/array.h"
#include "mmi/tensor/safetensors.h"

namespace mmi::lm {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// Left over from older versions, recomputed by everyone.
bool is_ignored(const std::string& name, const CausalLmConfig& config) {
  return name.ends_with(".rotary_emb.inv_freq") || (config.tie && name == "lm_head.weight");
}

CausalLmConfig read_config(const fs::path& folder) {
  const fs::path described = folder / "config.json";
  MMI_CHECK(
      CheckpointError,
      fs::is_regular_file(described),
      "{}: a language model is a folder with config.json and model.safetensors, as transformers "
      "saves it",
      folder.string());
  json object = io::read_json(described);
  const fs::path generation = folder / "generation_config.json";
  if (object.is_object() && fs::is_regular_file(generation)) {
    const json more = io::read_json(generation);
    if (more.is_object() && more.contains("eos_token_id") && !more["eos_token_id"].is_null()) {
      object["eos_token_id"] = more["eos_token_id"];
    }
  }
  return from_json(object, described.string());
}

std::string first_of(const std::vector<std::string>& all) {
  std::string text;
  for (std::size_t i = 0; i < all.size() && i < 10; ++i) {
    text += (i > 0 ? ", " : "") + all[i];
  }
  return all.size() > 10 ? text + ", …" : text;
}

/// Everything that is wrong, in one error.
void compare(const Listing& listing, const CausalLm& model, const fs::path& folder) {
  std::vector<std::string> missing;
  std::vector<std::string> unexpected;
  std::vector<std::string> reshaped;
  std::set<std::string> known;
  for (const nn::StateEntry& entry : nn::state_of(model)) {
    known.insert(entry.name);
    const auto found = listing.find(entry.name);
    const auto shape = entry.tensor.sizes().vec();
    if (found == listing.end()) {
      missing.push_back(format("{} {}", entry.name, shape));
    } else if (found->second.shape != shape) {
      reshaped.push_back(
          format("{} is {} there and {} here", entry.name, found->second.shape, shape));
    }
  }
  for (const auto& [name, listed] : listing) {
    if (!known.contains(name) && !is_ignored(name, model.config())) {
      unexpected.push_back(format("{} {}", name, listed.shape));
    }
  }
  MMI_CHECK(
      CheckpointError,
      missing.empty() && unexpected.empty() && reshaped.empty(),
      "{} does not fit its config.json: {} missing [{}], {} unexpected [{}], {} of another shape "
      "[{}]",
      folder.string(),
      missing.size(),
      first_of(missing),
      unexpected.size(),
      first_of(unexpected),
      reshaped.size(),
      first_of(reshaped));
}

torch::Tensor view_of(const io::SafetensorsEntry& entry) {
  // Read only: from_blob has no const.
  return torch::from_blob(
      const_cast<std::uint8_t*>(entry.bytes.data()),
      entry.shape,
      torch::dtype(scalar_type_of(entry.dtype)));
}

/// A layer, and how many of its tensors are to come.
struct Pending {
  std::shared_ptr<nn::MatrixLayer> layer;
  std::size_t tensors = 0;
};

std::map<std::string, Pending> pending_layers(const CausalLm& model) {
  std::map<std::string, Pending> layers;
  for (const auto& [name, layer] : model.products()) {
    layers[name + "."] = {layer, layer->parameters().size()};
  }
  return layers;
}

}  // namespace

std::shared_ptr<CausalLm> load_causal_lm(const fs::path& folder, const LoadOptions& options) {
  const CausalLmConfig config = read_config(folder);
  const Listing listing = list_tensors(folder);
  {
    const nn::InitContext sizes({.device = torch::kMeta, .draw = false});
    compare(listing, CausalLm(config), folder);
  }
  const auto stored = scalar_type_of(listing.at("model.embed_tokens.weight").dtype);
  // Memory that nothing touches before its tensor comes costs nothing on a CPU.
  const nn::InitContext context(
      {.device = options.device, .dtype = options.dtype.value_or(stored), .draw = false});
  auto model = std::make_shared<CausalLm>(config);
  auto layers = pending_layers(*model);
  std::map<fs::path, std::vector<nn::StateEntry>> by_shard;
  for (nn::StateEntry& entry : nn::state_of(*model)) {
    by_shard[listing.at(entry.name).shard].push_back(std::move(entry));
  }
  const torch::NoGradGuard no_grad;
  for (auto& [shard, entries] : by_shard) {
    const auto file = io::SafetensorsFile::open(shard);
    for (nn::StateEntry& entry : entries) {
      entry.tensor.copy_(view_of(file.at(entry.name)));
      const auto layer = layers.find(entry.name.substr(0, entry.name.rfind('.') + 1));
      entry.tensor.reset();
      if (layer != layers.end() && --layer->second.tensors == 0 && options.on_layer) {
        options.on_layer(*layer->second.layer);
      }
    }
  }
  model->eval();
  return model;
}

void save_causal_lm(const CausalLm& model, const fs::path& folder) {
  json described = to_json(model.config());
  nn::NamedTensors tensors;
  for (const nn::StateEntry& entry : nn::state_of(model)) {
    MMI_CHECK(
        ConfigError,
        entry.tensor.is_floating_point(),
        "{} is quantised, which transformers does not read: save the model as it was before",
        entry.name);
    MMI_CHECK(
        ConfigError,
        entry.name.find(".lora_") == std::string::npos,
        "{} is an adapter's, which config.json does not tell of: merge the adapter first "
        "(mmi.lora.merge), or save it alone (mmi.lora.save)",
        entry.name);
    tensors.emplace_back(entry.name, entry.tensor.detach());
  }
  const auto type = tensors.front().second.scalar_type();
  described["dtype"] = type == torch::kBFloat16 ? "bfloat16"
                       : type == torch::kHalf   ? "float16"
                                                : "float32";
  mmi::create_directories(folder);
  save_tensors(folder / "model.safetensors", tensors, {{"format", "pt"}});
  atomic_write(folder / "config.json", described.dump(2) + "\n");
}

}  // namespace mmi::lm
