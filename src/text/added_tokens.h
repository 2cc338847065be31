#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "mmi/text/tokenizer.h"
#include "text/normalizer.h"

namespace mmi::text {

/// A part of a text: an added token, or what stands between two of them.
struct Segment {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::int64_t id = -1;  ///< -1: plain text
};

/// Finds the longest of several texts at the leftmost place. Const and safe for concurrent use.
class TokenFinder {
 public:
  /// `text` must not be empty; of equal texts the first is found.
  void add(std::string_view text, const AddedToken& token);

  /// The whole text in segments, from left to right; none for an empty text.
  void split(std::string_view text, std::vector<Segment>& segments) const;

  bool empty() const {
    return tokens_.empty();
  }

 private:
  struct Node {
    std::unordered_map<unsigned char, std::int32_t> next;
    std::int32_t token = -1;
  };

  /// The token that begins at `at`, or nullptr; `end` becomes its end.
  const AddedToken* longest(std::string_view text, std::size_t at, std::size_t& end) const;

  std::vector<Node> nodes_{1};
  std::array<std::int32_t, 256> first_{};  ///< node of a first byte, 0 = none
  std::vector<AddedToken> tokens_;
};

}  // namespace mmi::text
