#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace mmi::text {

/// What stands before and behind the ids of a text.
struct Frame {
  std::vector<std::int64_t> before;
  std::vector<std::int64_t> after;
};

/// Of TemplateProcessing (its template for one text), BertProcessing, RobertaProcessing, ByteLevel
/// (which concerns offsets only) or a Sequence of these; `DataError` for any other. Ids must be
/// below `vocab_size`.
Frame read_frame(
    const nlohmann::json& description, std::int64_t vocab_size, const std::string& where);

}  // namespace mmi::text
