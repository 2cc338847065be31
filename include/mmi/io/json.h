#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "mmi/base/api.h"

namespace mmi::io {

struct JsonLimits {
  std::uint64_t max_bytes = 16ULL << 20;
  int max_depth = 64;
};

/// Strict JSON: UTF-8, no comments, no duplicate keys, bounded size and nesting. Otherwise a
/// `DataError` that begins with `name` and says the line and column.
/// Callers include <nlohmann/json.hpp>.
MMI_API nlohmann::json parse_json(
    std::string_view text, const std::string& name, const JsonLimits& limits = {});

MMI_API nlohmann::json read_json(const std::filesystem::path& path, const JsonLimits& limits = {});

}  // namespace mmi::io
