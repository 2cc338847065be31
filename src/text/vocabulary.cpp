#include "text/vocabulary.h"

#include <algorithm>

#include "mmi/base/errors.h"
#include "text/fields.h"

namespace mmi::text {

using nlohmann::json;

Vocabulary Vocabulary::read(const json& map, const std::string& where) {
  MMI_CHECK(
      DataError, map.is_object(), "{} must map tokens to ids, but is a {}", where, map.type_name());
  Vocabulary vocabulary;
  std::int64_t highest = -1;
  // Ids may have gaps, but not so many that a few tokens ask for gigabytes.
  const auto limit =
      std::min<std::int64_t>(kMaxTokens, 64 * static_cast<std::int64_t>(map.size()) + 65536);
  for (const auto& [token, id] : map.items()) {
    MMI_CHECK(
        DataError,
        id.is_number_unsigned() && id.get<std::uint64_t>() < static_cast<std::uint64_t>(limit),
        "{}: the id of '{}' must be a whole number in 0..{}, but is {}",
        where,
        token,
        limit - 1,
        id.dump(-1, ' ', true, json::error_handler_t::replace).substr(0, 60));
    highest = std::max(highest, id.get<std::int64_t>());
  }
  vocabulary.tokens_.resize(static_cast<std::size_t>(highest + 1));
  vocabulary.used_.resize(static_cast<std::size_t>(highest + 1));
  vocabulary.ids_.reserve(map.size());
  for (const auto& [token, value] : map.items()) {
    const auto id = value.get<std::size_t>();
    MMI_CHECK(
        DataError,
        !vocabulary.used_[id],
        "{}: the id {} belongs to '{}' and to '{}'",
        where,
        id,
        vocabulary.tokens_[id],
        token);
    vocabulary.used_[id] = true;
    vocabulary.tokens_[id] = token;
    vocabulary.ids_.emplace(token, static_cast<std::int32_t>(id));
  }
  return vocabulary;
}

}  // namespace mmi::text
