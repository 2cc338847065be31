#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mmi/text/tokenizer.h"

namespace mmi::models::lm {

/// A text as its tokens arrive: a token may be a part of a character, and how it is spelt may
/// depend on what stands before it.
class TextStream {
 public:
  TextStream(text::TokenizerPtr tokenizer, std::vector<std::int64_t> prompt);

  /// What can be shown now that `id` is there: whole characters, none twice.
  std::string push(std::int64_t id);

  /// What is left, where the text ended within a character.
  std::string finish();

 private:
  std::string fresh() const;

  text::TokenizerPtr tokenizer_;
  std::vector<std::int64_t> ids_;
  std::size_t context_ = 0;  // first id that is spelt along
  std::size_t shown_ = 0;    // ids whose text has been given away
};

}  // namespace mmi::models::lm
