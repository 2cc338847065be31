#include "text/word_piece.h"

#include <algorithm>

#include "mmi/base/errors.h"
#include "text/utf8.h"

namespace mmi::text {

WordPiece::WordPiece(Vocabulary vocabulary, Config config, const std::string& where)
    : Model(std::move(vocabulary)), config_(std::move(config)) {
  unknown_ = this->vocabulary().find(config_.unknown);
  MMI_CHECK(
      DataError,
      unknown_ >= 0,
      "{}: the vocabulary lacks the token of unknown words, '{}'",
      where,
      config_.unknown);
  for (std::int64_t id = 0; id < this->vocabulary().size(); ++id) {
    const std::string* token = this->vocabulary().token(id);
    longest_ = std::max(longest_, token == nullptr ? 0 : token->size());
  }
}

void WordPiece::encode_word(std::string_view word, Scratch& scratch) const {
  std::vector<std::int32_t>& ids = scratch.ids;
  if (static_cast<std::int64_t>(count_chars(word)) > config_.max_chars) {
    ids.push_back(unknown_);
    return;
  }
  for (std::size_t start = 0; start < word.size();) {
    scratch.spelled = start == 0 ? "" : config_.prefix;
    const std::size_t prefix = scratch.spelled.size();
    std::size_t end = std::min(word.size(), start + longest_);
    while (end > start && end < word.size() &&
           (static_cast<unsigned char>(word[end]) & 0xC0U) == 0x80) {
      --end;
    }
    scratch.spelled += word.substr(start, end - start);
    std::int32_t id = -1;
    while (end > start && (id = vocabulary().find(scratch.spelled)) < 0) {
      previous_char(word, end);
      scratch.spelled.resize(prefix + end - start);
    }
    if (id < 0) {
      ids.assign(1, unknown_);
      return;
    }
    ids.push_back(id);
    start = end;
  }
}

}  // namespace mmi::text
