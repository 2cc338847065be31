#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace mmi::text {

/// Tokens of a model and their ids, one to one.
class Vocabulary {
 public:
  /// {"token": id, ...}; `DataError` for ids that are taken twice or out of range.
  static Vocabulary read(const nlohmann::json& map, const std::string& where);

  /// -1 when absent.
  std::int32_t find(std::string_view token) const {
    const auto found = ids_.find(token);
    return found == ids_.end() ? -1 : found->second;
  }

  /// nullptr for an unused id.
  const std::string* token(std::int64_t id) const {
    const auto i = static_cast<std::size_t>(id);
    return id < 0 || i >= tokens_.size() || !used_[i] ? nullptr : &tokens_[i];
  }

  /// One more than the highest id.
  std::int64_t size() const {
    return static_cast<std::int64_t>(tokens_.size());
  }

 private:
  struct Hash {
    using is_transparent = void;

    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };

  std::unordered_map<std::string, std::int32_t, Hash, std::equal_to<>> ids_;
  std::vector<std::string> tokens_;
  std::vector<bool> used_;
};

}  // namespace mmi::text
