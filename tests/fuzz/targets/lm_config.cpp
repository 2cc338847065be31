#include <nlohmann/json.hpp>

#include "fuzz/fuzz.h"
#include "mmi/io/json.h"
#include "mmi/lm/config.h"

namespace mmi::lm {
namespace {

MMI_FUZZ(lm_config) {
  const CausalLmConfig config = from_json(io::parse_json(fuzz::text_of(bytes), "fuzz"), "fuzz");
  MMI_ASSERT(config.parameter_count() > 0);
  // What can be written is read as the same, which to_json sees to.
  to_json(config);
}

}  // namespace
}  // namespace mmi::lm
