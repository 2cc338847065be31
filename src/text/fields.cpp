#include "text/fields.h"

#include "mmi/base/errors.h"
#include "text/utf8.h"

namespace mmi::text {

using nlohmann::json;

Fields::Fields(const json& object, std::string where) : object_(object), where_(std::move(where)) {
  MMI_CHECK(
      DataError,
      object_.is_object(),
      "{} must be a JSON object, but is a {}",
      where_,
      object_.type_name());
}

void Fields::fail(const std::string& what) const {
  throw DataError(format("{}: {}", where_, what));
}

const json* Fields::find(const char* key) {
  seen_.insert(key);
  const auto found = object_.find(key);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

const json& Fields::at(const char* key) {
  const json* value = find(key);
  MMI_CHECK(DataError, value != nullptr, "{}: field '{}' is missing", where_, key);
  return *value;
}

std::string Fields::text(const char* key) {
  const json& value = at(key);
  MMI_CHECK(
      DataError,
      value.is_string(),
      "{}: field '{}' must be a text, but is a {}",
      where_,
      key,
      value.type_name());
  return value.get<std::string>();
}

std::optional<std::string> Fields::optional_text(const char* key) {
  if (find(key) == nullptr) {
    return std::nullopt;
  }
  return text(key);
}

char32_t Fields::character(const char* key) {
  const std::string value = text(key);
  std::size_t at = 0;
  const char32_t c = value.empty() ? 0 : next_char(value, at);
  MMI_CHECK(
      DataError,
      !value.empty() && at == value.size(),
      "{}: field '{}' must be one character, but is '{}'",
      where_,
      key,
      value);
  return c;
}

bool Fields::flag(const char* key) {
  const json& value = at(key);
  MMI_CHECK(
      DataError,
      value.is_boolean(),
      "{}: field '{}' must be true or false, but is a {}",
      where_,
      key,
      value.type_name());
  return value.get<bool>();
}

bool Fields::flag(const char* key, bool otherwise) {
  return find(key) == nullptr ? otherwise : flag(key);
}

std::int64_t Fields::integer(const char* key, std::int64_t low, std::int64_t high) {
  const json& value = at(key);
  const bool fits = value.is_number_unsigned()
                        ? value.get<std::uint64_t>() <= static_cast<std::uint64_t>(high)
                        : value.is_number_integer();
  MMI_CHECK(
      DataError,
      fits && value.get<std::int64_t>() >= low && value.get<std::int64_t>() <= high,
      "{}: field '{}' must be a whole number in {}..{}, but is {}",
      where_,
      key,
      low,
      high,
      value.dump(-1, ' ', true, json::error_handler_t::replace).substr(0, 60));
  return value.get<std::int64_t>();
}

std::int64_t Fields::integer(
    const char* key, std::int64_t low, std::int64_t high, std::int64_t otherwise) {
  return find(key) == nullptr ? otherwise : integer(key, low, high);
}

void Fields::skip(const char* key) {
  seen_.insert(key);
}

void Fields::done() const {
  for (const auto& [key, value] : object_.items()) {
    MMI_CHECK(DataError, seen_.contains(key), "{}: the field '{}' is not known here", where_, key);
  }
}

std::string type_of(const json& component, const std::string& where) {
  return Fields(component, where).text("type");
}

}  // namespace mmi::text
