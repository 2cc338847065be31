#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/regex.h"

namespace mmi::text {

/// What a file wants found: {"String": "x"} or {"Regex": "x+"}.
class Pattern {
 public:
  Pattern(const nlohmann::json& description, const std::string& where);

  explicit Pattern(Regex regex) : regex_(std::move(regex)) {}

  void find_all(std::string_view piece, std::uint32_t offset, std::vector<Range>& found) const;

  /// Whether a match begins the text.
  bool begins(std::string_view text) const;

  /// Every occurrence replaced by `content`, literally.
  std::string replace_all(std::string_view text, std::string_view content) const;

 private:
  std::optional<Regex> regex_;
  std::string literal_;
};

}  // namespace mmi::text
