#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "mmi/io/json.h"
#include "mmi/text/tokenizer.h"

namespace mmi::text {

/// Published files hold up to 262,144 tokens and as many merges.
constexpr io::JsonLimits kTokenizerLimits{256ULL << 20, 32};

/// A tokenizer.json, or what another layout says in its terms.
TokenizerPtr build_tokenizer(const nlohmann::json& description, const std::string& name);

}  // namespace mmi::text
