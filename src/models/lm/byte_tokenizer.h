#pragma once

#include <string>

#include "mmi/base/api.h"

namespace mmi::models::lm {

/// A tokenizer.json whose tokens are the 256 bytes, in their order: for any text, without learning.
MMI_API std::string byte_tokenizer_json();

}  // namespace mmi::models::lm
