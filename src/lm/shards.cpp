#include "lm/shards.h"

#include <nlohmann/json.hpp>
#include <set>

#include "mmi/base/errors.h"
#include "mmi/io/json.h"
#include "mmi/io/safetensors.h"

namespace mmi::lm {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

void list_shard(const fs::path& shard, Listing& listing) {
  const auto file = io::SafetensorsFile::open(shard);
  for (const auto& entry : file.entries()) {
    listing[entry.name] = {shard, entry.shape, entry.dtype};
  }
}

}  // namespace

std::map<std::string, std::string> shards_from_json(const json& object, const std::string& source) {
  const auto map = object.is_object() ? object.find("weight_map") : object.end();
  MMI_CHECK(
      CheckpointError,
      map != object.end() && map->is_object(),
      "{}: weight_map is missing",
      source);
  std::map<std::string, std::string> shards;
  for (const auto& [name, shard] : map->items()) {
    // A shard lies in the folder: the index must not lead out of it.
    const std::string file = shard.is_string() ? shard.get<std::string>() : "";
    MMI_CHECK(
        CheckpointError,
        !file.empty() && file != "." && file != ".." && fs::path(file).filename() == file,
        "{}: weight_map has no file name for {}",
        source,
        name);
    shards[name] = file;
  }
  return shards;
}

Listing list_tensors(const fs::path& folder) {
  const fs::path single = folder / "model.safetensors";
  const fs::path index = folder / "model.safetensors.index.json";
  Listing listing;
  if (fs::is_regular_file(single)) {
    list_shard(single, listing);
    return listing;
  }
  MMI_CHECK(
      CheckpointError,
      fs::is_regular_file(index),
      "{}: a language model is a folder with config.json and model.safetensors (or "
      "model.safetensors.index.json with its shards), as transformers saves it",
      folder.string());
  const auto shards =
      shards_from_json(io::read_json(index, {.max_bytes = 64ULL << 20}), index.string());
  std::set<std::string> files;
  for (const auto& [name, shard] : shards) {
    files.insert(shard);
  }
  for (const std::string& file : files) {
    MMI_CHECK(
        CheckpointError,
        fs::is_regular_file(folder / file),
        "{}: the shard {} is missing",
        index.string(),
        file);
    list_shard(folder / file, listing);
  }
  for (const auto& [name, shard] : shards) {
    const auto found = listing.find(name);
    MMI_CHECK(
        CheckpointError,
        found != listing.end() && found->second.shard == folder / shard,
        "{}: {} should be in {}, but is not",
        index.string(),
        name,
        shard);
  }
  return listing;
}

}  // namespace mmi::lm
