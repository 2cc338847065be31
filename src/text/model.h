#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "text/vocabulary.h"
#include "text/word_cache.h"

namespace mmi::text {

/// Two neighbours that could become one token.
struct MergeChoice {
  std::int32_t rank = 0;
  std::int32_t at = 0;
  std::int32_t merged = 0;
};

/// A token of a word in the making.
struct Symbol {
  std::int32_t id = 0;
  std::int32_t previous = -1;
  std::int32_t next = -1;
  std::int32_t rank = 0;    ///< of merging it with the next one; no such merge: the highest number
  std::int32_t merged = 0;  ///< what that gives
  bool gone = false;        ///< part of the one before
};

/// What encoding needs besides the model: one for each thread that is at it.
struct Scratch {
  WordCache cache;
  std::vector<std::int32_t> ids;
  std::vector<Symbol> symbols;
  std::vector<MergeChoice> heap;
  std::string spelled;
};

/// Words to ids. Const and safe for concurrent use with a scratch for each thread.
class Model {
 public:
  explicit Model(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}

  virtual ~Model() = default;

  /// Appends the ids of one piece, which is not empty.
  void encode(std::string_view word, std::vector<std::int64_t>& ids, Scratch& scratch) const;

  const Vocabulary& vocabulary() const {
    return vocabulary_;
  }

 protected:
  /// Puts the ids of a word into `scratch.ids`.
  virtual void encode_word(std::string_view word, Scratch& scratch) const = 0;

 private:
  Vocabulary vocabulary_;
};

/// BPE and WordPiece; `DataError` for any other. Never nullptr.
std::unique_ptr<const Model> read_model(
    const nlohmann::json& description, const std::string& where);

}  // namespace mmi::text
