#include "mmi/nn/lora_config.h"

#include <nlohmann/json.hpp>

#include "fuzz/fuzz.h"
#include "mmi/io/json.h"

namespace mmi::nn {
namespace {

MMI_FUZZ(lora_config) {
  const LoraConfig config = lora_from_json(io::parse_json(fuzz::text_of(bytes), "fuzz"), "fuzz");
  MMI_ASSERT(lora_from_json(to_json(config, "base"), "written") == config);
}

}  // namespace
}  // namespace mmi::nn
