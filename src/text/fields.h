#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>

namespace mmi::text {

/// The highest id, and the number of tokens, that is read.
constexpr std::int64_t kMaxTokens = std::int64_t{1} << 24;

/// A JSON object of which every field must be asked for: what nobody asks for is unknown, and
/// `done` says so. Errors are `DataError` and begin with `where`, which names file and part.
class Fields {
 public:
  Fields(const nlohmann::json& object, std::string where);

  const std::string& where() const {
    return where_;
  }

  /// nullptr when absent or null.
  const nlohmann::json* find(const char* key);
  const nlohmann::json& at(const char* key);

  std::string text(const char* key);
  std::optional<std::string> optional_text(const char* key);
  /// A text of exactly one character.
  char32_t character(const char* key);
  bool flag(const char* key);
  bool flag(const char* key, bool otherwise);
  std::int64_t integer(const char* key, std::int64_t low, std::int64_t high);
  std::int64_t integer(
      const char* key, std::int64_t low, std::int64_t high, std::int64_t otherwise);

  /// Known, but without effect on ids and text.
  void skip(const char* key);

  void done() const;

  [[noreturn]] void fail(const std::string& what) const;

 private:
  const nlohmann::json& object_;
  std::string where_;
  std::set<std::string> seen_;
};

/// What a component says it is: its "type".
std::string type_of(const nlohmann::json& component, const std::string& where);

}  // namespace mmi::text
