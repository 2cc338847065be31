#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "text/regex.h"

namespace mmi::text {

/// A text and the pieces of it that the model will see, from left to right.
struct Pieces {
  std::string text;
  std::vector<Range> ranges;
  bool at_start = true;  ///< the text begins where the user's does

  // Room for the next step, kept to spare allocations.
  std::string spare_text;
  std::vector<Range> spare_ranges;
  std::vector<Range> matches;
};

/// Splits pieces into smaller ones, and may respell them. Const and safe for concurrent use.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  virtual void apply(Pieces& pieces) const = 0;
};

/// ByteLevel, Split, Metaspace, Whitespace, WhitespaceSplit, BertPreTokenizer, Digits, Punctuation,
/// Sequence; `DataError` for any other. Never nullptr.
std::unique_ptr<const PreTokenizer> read_pre_tokenizer(
    const nlohmann::json& description, const std::string& where);

}  // namespace mmi::text
