#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "mmi/text/tokenizer.h"
#include "text/added_tokens.h"
#include "text/decoder.h"
#include "text/model.h"
#include "text/normalizer.h"
#include "text/post_processor.h"
#include "text/pre_tokenizer.h"

namespace mmi::text {

/// What a tokenizer.json describes; parts that it leaves out are nullptr.
struct PipelineParts {
  std::unique_ptr<const Normalizer> normalizer;
  std::unique_ptr<const PreTokenizer> pre_tokenizer;
  std::unique_ptr<const Model> model;
  std::unique_ptr<const Decoder> decoder;
  Frame frame;
  std::vector<AddedToken> added;
  std::int64_t max_length = 0;  ///< ids with their frame; 0 = unlimited
  bool cut_left = false;        ///< cut the beginning instead of the end
  std::int64_t pad_length = 0;  ///< shorter lists are filled up
  std::int64_t pad_id = 0;
  bool pad_left = false;
};

/// text → added tokens cut out → normalised → pieces → model → frame.
class Pipeline : public Tokenizer {
 public:
  explicit Pipeline(PipelineParts parts);

  std::vector<std::int64_t> encode(std::string_view text, bool add_special) const override;
  std::string decode(std::span<const std::int64_t> ids, bool skip_special) const override;
  std::int64_t vocab_size() const override;
  std::optional<std::int64_t> token_to_id(std::string_view token) const override;
  std::optional<std::string> id_to_token(std::int64_t id) const override;
  std::vector<AddedToken> added_tokens() const override;

 private:
  struct Workspace {
    Scratch scratch;
    Pieces pieces;
    std::vector<Segment> segments;
    std::vector<Segment> inner;
  };

  /// A workspace lent for one call.
  class Loan;

  void encode_plain(
      std::string_view text, bool at_start, Workspace& work, std::vector<std::int64_t>& ids) const;
  void encode_pieces(
      std::string_view text, bool at_start, Workspace& work, std::vector<std::int64_t>& ids) const;
  const std::string* find_token(std::int64_t id) const;

  PipelineParts parts_;
  TokenFinder raw_;
  TokenFinder normalized_;
  std::unordered_map<std::int64_t, std::size_t> added_by_id_;
  std::unordered_set<std::string> special_;
  std::int64_t size_ = 0;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Workspace>> idle_;
};

}  // namespace mmi::text
