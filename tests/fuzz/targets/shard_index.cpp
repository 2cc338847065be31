#include <nlohmann/json.hpp>

#include "fuzz/fuzz.h"
#include "lm/shards.h"
#include "mmi/io/json.h"

namespace mmi::lm {
namespace {

MMI_FUZZ(shard_index) {
  const auto index = io::parse_json(fuzz::text_of(bytes), "fuzz");
  for (const auto& [name, file] : shards_from_json(index, "fuzz")) {
    MMI_ASSERT(!file.empty() && file.find('/') == std::string::npos && file != "..");
  }
}

}  // namespace
}  // namespace mmi::lm
