#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mmi::text {

/// A piece of a text, in bytes.
struct Range {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
};

/// A regular expression over UTF-8 in the dialect of the published tokenizers (Oniguruma's), run
/// by PCRE2's compiler. What the two dialects read differently is translated (\s, \w, \d) or
/// refused by name. Safe for concurrent use.
class Regex {
 public:
  /// `DataError`, which begins with `where`, for what is no regular expression.
  Regex(const std::string& pattern, const std::string& where);

  /// Appends the matches in `piece` of `text`, from left to right. Nothing outside of the piece is
  /// seen.
  void find_all(std::string_view piece, std::uint32_t offset, std::vector<Range>& found) const;

 private:
  std::shared_ptr<const void> code_;
  std::string where_;
};

}  // namespace mmi::text
