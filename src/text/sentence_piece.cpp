#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "text/sentence_piece_check.h"
#include "text/utf8.h"
#include "text/vocab_files.h"

#ifdef MMI_WITH_SENTENCEPIECE
#include <sentencepiece_processor.h>
#endif

namespace mmi::text {

#ifdef MMI_WITH_SENTENCEPIECE
namespace {

using sentencepiece::SentencePieceProcessor;

/// Which tokens stand around a text.
struct Ends {
  bool begin = false;
  bool end = false;
};

class SentencePiece : public Tokenizer {
 public:
  SentencePiece(std::span<const std::uint8_t> bytes, const std::string& name) {
    check_sentence_piece(bytes, name);
    std::string problem;
    try {
      const auto status = processor_.LoadFromSerializedProto(
          {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
      problem = status.ok() ? "" : status.error_message();
    } catch (const std::exception& error) {  // its tries throw their own
      problem = error.what();
    }
    MMI_CHECK(DataError, problem.empty(), "{} is no SentencePiece model: {}", name, problem);
  }

  const SentencePieceProcessor& processor() const {
    return processor_;
  }

  void set_ends(Ends ends) {
    ends_ = ends;
  }

  std::vector<std::int64_t> encode(std::string_view text, bool add_special) const override {
    check_utf8(text, "a text to encode");
    std::vector<int> pieces;
    const auto status = processor_.Encode(text, &pieces);
    MMI_CHECK(DataError, status.ok(), "SentencePiece cannot encode: {}", status.error_message());
    std::vector<std::int64_t> ids(pieces.begin(), pieces.end());
    if (add_special && ends_.begin) {
      ids.insert(ids.begin(), processor_.bos_id());
    }
    if (add_special && ends_.end) {
      ids.push_back(processor_.eos_id());
    }
    return ids;
  }

  std::string decode(std::span<const std::int64_t> ids, bool skip_special) const override {
    std::vector<int> pieces;
    for (const std::int64_t id : ids) {
      MMI_CHECK(
          DataError,
          id >= 0 && id < vocab_size(),
          "ids of this vocabulary are in 0..{}, but one is {}",
          vocab_size() - 1,
          id);
      pieces.push_back(static_cast<int>(id));
    }
    std::string text;
    const auto status = processor_.Decode(pieces, &text);
    MMI_CHECK(DataError, status.ok(), "SentencePiece cannot decode: {}", status.error_message());
    return text;
  }

  std::int64_t vocab_size() const override {
    return processor_.GetPieceSize();
  }

  std::optional<std::int64_t> token_to_id(std::string_view token) const override {
    const int id = processor_.PieceToId(token);
    return processor_.IdToPiece(id) == token ? std::optional<std::int64_t>(id) : std::nullopt;
  }

  std::optional<std::string> id_to_token(std::int64_t id) const override {
    return id < 0 || id >= vocab_size() ? std::nullopt
                                        : std::optional(processor_.IdToPiece(static_cast<int>(id)));
  }

  std::vector<AddedToken> added_tokens() const override {
    std::vector<AddedToken> tokens;
    for (int id = 0; id < processor_.GetPieceSize(); ++id) {
      if (processor_.IsControl(id) || processor_.IsUnknown(id)) {
        tokens.push_back({.content = processor_.IdToPiece(id), .id = id, .special = true});
      }
    }
    return tokens;
  }

 private:
  SentencePieceProcessor processor_;
  Ends ends_;
};

}  // namespace

TokenizerPtr parse_sentence_piece(std::span<const std::uint8_t> bytes, const std::string& name) {
  auto made = std::make_shared<SentencePiece>(bytes, name);
  made->set_ends({made->processor().bos_id() >= 0, false});
  return made;
}

TokenizerPtr load_sentence_piece(const std::filesystem::path& file) {
  auto made = std::make_shared<SentencePiece>(read_bytes(file, 256ULL << 20), file.string());
  const auto config = read_tokenizer_config(file.parent_path());
  const bool t5 = made->processor().bos_id() < 0;
  const auto flag = [&](const char* key, bool otherwise, int id) {
    const auto found = config.find(key);
    const bool asked = found != config.end() && found->is_boolean();
    const bool on = asked ? found->get<bool>() : otherwise;
    MMI_CHECK(
        DataError,
        !on || id >= 0,
        "{}: tokenizer_config.json asks for {}, but the model has no such token",
        file,
        key);
    return on;
  };
  made->set_ends(
      {flag("add_bos_token", !t5, made->processor().bos_id()),
       flag("add_eos_token", t5 && made->processor().eos_id() >= 0, made->processor().eos_id())});
  return made;
}
#else
TokenizerPtr parse_sentence_piece(std::span<const std::uint8_t> bytes, const std::string& name) {
  check_sentence_piece(bytes, name);
  throw NotBuiltError(format(
      "{} needs SentencePiece: install libsentencepiece-dev and build with "
      "-DMMI_SENTENCEPIECE=ON, or save its tokenizer.json",
      name));
}

TokenizerPtr load_sentence_piece(const std::filesystem::path& file) {
  return parse_sentence_piece(read_bytes(file, 256ULL << 20), file.string());
}
#endif

}  // namespace mmi::text
