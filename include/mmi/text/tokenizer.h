#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mmi/base/api.h"

namespace mmi::text {

/// A token that stands beside the model's own: it is found in the text before anything else.
struct AddedToken {
  std::string content;
  std::int64_t id = 0;
  bool special = false;      ///< left out by `decode`: padding, begin and end of text, ...
  bool single_word = false;  ///< found only where no letter touches it
  bool lstrip = false;       ///< takes the white space on its left along
  bool rstrip = false;       ///< takes the white space on its right along
  bool normalized = false;   ///< found in the normalised text, in its own normalised form
};

/// Text ↔ ids of one published vocabulary. Text is UTF-8; anything else is a `DataError` with the
/// place of the first bad byte. Ids are in [0, vocab_size()); others are a `DataError`.
/// Safe for concurrent use.
///   auto tokenizer = load_tokenizer("weights/clip");
///   auto ids = tokenizer->encode("a dog barks");
class MMI_API Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// With `add_special`, what the model expects around a text (begin, end) is added.
  virtual std::vector<std::int64_t> encode(
      std::string_view text, bool add_special = true) const = 0;

  /// Always valid UTF-8: bytes that form no character become U+FFFD.
  virtual std::string decode(std::span<const std::int64_t> ids, bool skip_special = true) const = 0;

  /// One more than the highest id: the rows that an embedding needs.
  virtual std::int64_t vocab_size() const = 0;

  /// Nothing where the vocabulary has no such token.
  virtual std::optional<std::int64_t> token_to_id(std::string_view token) const = 0;

  /// The token as the file spells it ("Ġdog", "▁dog", "##s"); nothing for an unused id.
  virtual std::optional<std::string> id_to_token(std::int64_t id) const = 0;

  /// In the order of their ids.
  virtual std::vector<AddedToken> added_tokens() const = 0;
};

using TokenizerPtr = std::shared_ptr<const Tokenizer>;

/// Reads a file, or a folder in which the first of these is taken:
///   tokenizer.json                     any pipeline of the HF tokenizers that we know
///   tokenizer.model, spiece.model      SentencePiece (`NotBuiltError` without it)
///   vocab.json + merges.txt            byte-level BPE (GPT-2, RoBERTa, Qwen2) or CLIP
///   bpe_simple_vocab_16e6.txt[.gz]     CLIP as its authors published it
///   vocab.txt                          BERT
/// `tokenizer_config.json` beside the last four says what they leave open (class, lower case,
/// begin and end, added tokens). What a file asks for and we do not know is a `DataError` that
/// names it.
MMI_API TokenizerPtr load_tokenizer(const std::filesystem::path& path);

/// A file of a tokenizer, and its name in a folder from which `load_tokenizer` reads the same.
struct TokenizerFile {
  std::filesystem::path path;
  std::string name;
};

/// What `load_tokenizer(path)` reads, and the configuration that transformers reads besides.
MMI_API std::vector<TokenizerFile> tokenizer_files(const std::filesystem::path& path);

/// The text of a tokenizer.json; `name` begins every error.
MMI_API TokenizerPtr parse_tokenizer_json(std::string_view json, const std::string& name);

/// The bytes of a SentencePiece model.
MMI_API TokenizerPtr
parse_sentence_piece(std::span<const std::uint8_t> bytes, const std::string& name);

/// `encode` of each text, on up to `threads` threads.
MMI_API std::vector<std::vector<std::int64_t>> encode_batch(
    const Tokenizer& tokenizer,
    std::span<const std::string> texts,
    bool add_special = true,
    int threads = 1);

/// Exactly `length` ids: padded with `pad`, or cut, in which case `end` (if not negative) is the
/// last. CLIP: fit_length(ids, 77, 0, 49407).
MMI_API std::vector<std::int64_t> fit_length(
    std::vector<std::int64_t> ids, std::int64_t length, std::int64_t pad, std::int64_t end = -1);

}  // namespace mmi::text
