#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "mmi/text/tokenizer.h"

namespace mmi::text {

// Older layouts, told in the terms of a tokenizer.json.

/// What tokenizer_config.json in this folder says; an empty object where there is none.
nlohmann::json read_tokenizer_config(const std::filesystem::path& folder);

/// vocab.json and merges.txt of one folder.
TokenizerPtr load_vocab_and_merges(const std::filesystem::path& folder);

/// CLIP's list of merges, which is its vocabulary as well; compressed or not.
TokenizerPtr load_clip_merges(const std::filesystem::path& file);

/// BERT's vocab.txt: a token a line.
TokenizerPtr load_word_pieces(const std::filesystem::path& file);

/// A SentencePiece model; tokenizer_config.json beside it may switch begin and end on and off, add
/// tokens (as added_tokens.json does) and ask for a space behind each of them (`legacy`).
TokenizerPtr load_sentence_piece(const std::filesystem::path& file);

}  // namespace mmi::text
