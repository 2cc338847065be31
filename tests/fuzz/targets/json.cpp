#include "mmi/io/json.h"

#include <nlohmann/json.hpp>

#include "fuzz/fuzz.h"

namespace mmi::io {
namespace {

MMI_FUZZ(json) {
  const auto value = parse_json(fuzz::text_of(bytes), "fuzz");
  MMI_ASSERT(parse_json(value.dump(), "written") == value);
}

}  // namespace
}  // namespace mmi::io
