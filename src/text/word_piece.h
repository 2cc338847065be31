#pragma once

#include "text/model.h"

namespace mmi::text {

/// BERT's model: of each word the longest beginning that is a token, then the longest of the rest
/// with a prefix ("##s"), and so on. A word that cannot be told so is the unknown token.
class WordPiece : public Model {
 public:
  struct Config {
    std::string unknown = "[UNK]";
    std::string prefix = "##";
    std::int64_t max_chars = 100;  ///< longer words are unknown
  };

  WordPiece(Vocabulary vocabulary, Config config, const std::string& where);

 protected:
  void encode_word(std::string_view word, Scratch& scratch) const override;

 private:
  Config config_;
  std::int32_t unknown_ = -1;
  std::size_t longest_ = 0;  ///< bytes of the longest token: nothing longer needs a try
};

}  // namespace mmi::text
