#include "mmi/text/tokenizer.h"

#include <algorithm>

#include "mmi/base/errors.h"
#include "mmi/base/parallel.h"
#include "text/tokenizer_json.h"
#include "text/vocab_files.h"

namespace mmi::text {
namespace {

namespace fs = std::filesystem;

constexpr const char* kKnown =
    "tokenizer.json, tokenizer.model, spiece.model, vocab.json with merges.txt, "
    "bpe_simple_vocab_16e6.txt.gz, vocab.txt";

/// What a folder offers, best first.
fs::path choose(const fs::path& folder) {
  for (const char* name :
       {"tokenizer.json",
        "tokenizer.model",
        "spiece.model",
        "sentencepiece.bpe.model",
        "vocab.json",
        "bpe_simple_vocab_16e6.txt.gz",
        "bpe_simple_vocab_16e6.txt",
        "vocab.txt"}) {
    if (fs::is_regular_file(folder / name)) {
      return folder / name;
    }
  }
  throw DataError(format("{} holds no tokenizer that is known here ({})", folder, kKnown));
}

enum class Layout { kJson, kSentencePiece, kVocabAndMerges, kClipMerges, kWordPieces };

struct Found {
  fs::path file;
  Layout layout;
};

Found find(const fs::path& path) {
  MMI_CHECK(DataError, fs::exists(path), "{} does not exist", path);
  const fs::path file = fs::is_directory(path) ? choose(path) : path;
  const std::string name = file.filename().string();
  if (name == "vocab.json" || name == "merges.txt") {
    return {file, Layout::kVocabAndMerges};
  }
  if (name.ends_with(".json")) {
    return {file, Layout::kJson};
  }
  if (name.ends_with(".model")) {
    return {file, Layout::kSentencePiece};
  }
  if (name.ends_with(".txt.gz") || name.starts_with("bpe_simple_vocab")) {
    return {file, Layout::kClipMerges};
  }
  if (name.ends_with(".txt")) {
    return {file, Layout::kWordPieces};
  }
  throw DataError(format("{} is no tokenizer that is known here ({})", file, kKnown));
}

}  // namespace

TokenizerPtr load_tokenizer(const fs::path& path) {
  const auto [file, layout] = find(path);
  switch (layout) {
    case Layout::kJson:
      return build_tokenizer(io::read_json(file, kTokenizerLimits), file.string());
    case Layout::kSentencePiece:
      return load_sentence_piece(file);
    case Layout::kVocabAndMerges:
      return load_vocab_and_merges(file.parent_path());
    case Layout::kClipMerges:
      return load_clip_merges(file);
    case Layout::kWordPieces:
      break;
  }
  return load_word_pieces(file);
}

std::vector<TokenizerFile> tokenizer_files(const fs::path& path) {
  const auto [file, layout] = find(path);
  const fs::path folder = file.parent_path();
  std::vector<TokenizerFile> files;
  switch (layout) {
    case Layout::kJson:
      files = {{file, "tokenizer.json"}};
      break;
    case Layout::kSentencePiece:
      files = {{file, file.filename() == "spiece.model" ? "spiece.model" : "tokenizer.model"}};
      break;
    case Layout::kVocabAndMerges:
      files = {{folder / "vocab.json", "vocab.json"}, {folder / "merges.txt", "merges.txt"}};
      break;
    case Layout::kClipMerges:
      files = {
          {file,
           file.extension() == ".gz" ? "bpe_simple_vocab_16e6.txt.gz"
                                     : "bpe_simple_vocab_16e6.txt"}};
      break;
    case Layout::kWordPieces:
      files = {{file, "vocab.txt"}};
      break;
  }
  // A lone tokenizer.json or list of merges says everything itself.
  if (fs::is_directory(path) || (layout != Layout::kJson && layout != Layout::kClipMerges)) {
    for (const char* name :
         {"tokenizer_config.json", "added_tokens.json", "special_tokens_map.json"}) {
      if (fs::is_regular_file(folder / name)) {
        files.push_back({folder / name, name});
      }
    }
  }
  return files;
}

std::vector<std::vector<std::int64_t>> encode_batch(
    const Tokenizer& tokenizer, std::span<const std::string> texts, bool add_special, int threads) {
  std::vector<std::vector<std::int64_t>> ids(texts.size());
  parallel_for(static_cast<std::int64_t>(texts.size()), threads, [&](std::int64_t i) {
    ids[i] = tokenizer.encode(texts[i], add_special);
  });
  return ids;
}

std::vector<std::int64_t> fit_length(
    std::vector<std::int64_t> ids, std::int64_t length, std::int64_t pad, std::int64_t end) {
  MMI_CHECK(
      ConfigError,
      length >= 0 && length <= (std::int64_t{1} << 24),
      "a list of ids can be made 0 to 2^24 long, but not {}",
      length);
  const bool cut = static_cast<std::int64_t>(ids.size()) > length;
  ids.resize(static_cast<std::size_t>(length), pad);
  if (cut && end >= 0 && length > 0) {
    ids.back() = end;
  }
  return ids;
}

}  // namespace mmi::text
