#include "mmi/io/json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"

namespace mmi::io {
namespace {

using nlohmann::json;

/// "line 3, column 7" of a byte offset.
std::string place(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t start =
      before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  return format("line {}, column {}", line, before.size() - start + 1);
}

/// The library's text without its own number and position: "[json.exception.parse_error.101] parse
/// error at line 1, column 2: syntax error ..." becomes "syntax error ...".
std::string plain(const std::string& what) {
  const std::size_t position = what.find(": ");
  return position == std::string::npos ? what : what.substr(position + 2);
}

}  // namespace

nlohmann::json parse_json(
    std::string_view text, const std::string& name, const JsonLimits& limits) {
  MMI_CHECK(
      DataError,
      text.size() <= limits.max_bytes,
      "{}: {} of JSON, but at most {} are read",
      name,
      human_size(text.size()),
      human_size(limits.max_bytes));
  std::vector<std::set<std::string, std::less<>>> keys;
  const auto guard = [&](int depth, json::parse_event_t event, json& parsed) {
    switch (event) {
      case json::parse_event_t::object_start:
      case json::parse_event_t::array_start:
        MMI_CHECK(
            DataError,
            depth < limits.max_depth,
            "{}: JSON nested deeper than {} levels",
            name,
            limits.max_depth);
        keys.emplace_back();
        break;
      case json::parse_event_t::object_end:
      case json::parse_event_t::array_end:
        keys.pop_back();
        break;
      case json::parse_event_t::key: {
        const auto& key = parsed.get_ref<const std::string&>();
        MMI_CHECK(
            DataError, keys.back().insert(key).second, "{}: key '{}' appears twice", name, key);
        break;
      }
      case json::parse_event_t::value:
        break;
    }
    return true;
  };
  try {
    return json::parse(text, guard);
  } catch (const json::parse_error& error) {
    throw DataError(format(
        "{}: invalid JSON at {}: {}",
        name,
        place(text, error.byte > 0 ? error.byte - 1 : 0),
        plain(error.what())));
  } catch (const json::exception& error) {
    throw DataError(format("{}: invalid JSON: {}", name, error.what()));
  }
}

nlohmann::json read_json(const std::filesystem::path& path, const JsonLimits& limits) {
  return parse_json(read_text(path, limits.max_bytes), path.string(), limits);
}

}  // namespace mmi::io
