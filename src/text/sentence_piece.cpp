#include <algorithm>
#include <map>
#include <set>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "text/added_tokens.h"
#include "text/fields.h"
#include "text/sentence_piece_check.h"
#include "text/tokenizer_json.h"
#include "text/utf8.h"
#include "text/vocab_files.h"

#ifdef MMI_WITH_SENTENCEPIECE
#include <sentencepiece_processor.h>
#endif

namespace mmi::text {

#ifdef MMI_WITH_SENTENCEPIECE
namespace {

using nlohmann::json;
using sentencepiece::SentencePieceProcessor;

constexpr std::string_view kSpace = "\xE2\x96\x81";  // ▁

/// Which tokens stand around a text.
struct Ends {
  bool begin = false;
  bool end = false;
};

void load(SentencePieceProcessor& processor, std::string_view bytes, const std::string& name) {
  std::string problem;
  try {
    const auto status = processor.LoadFromSerializedProto(bytes);
    problem = status.ok() ? "" : status.error_message();
  } catch (const std::exception& error) {  // its tries throw their own
    problem = error.what();
  }
  MMI_CHECK(DataError, problem.empty(), "{} is no SentencePiece model: {}", name, problem);
}

/// The library knows no control pieces in a text, nor tokens beside the model's: they are found
/// here, and it encodes what stands between them.
class SentencePiece : public Tokenizer {
 public:
  SentencePiece(std::span<const std::uint8_t> bytes, const std::string& name) {
    check_sentence_piece(bytes, name);
    std::string model(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    load(processor_, model, name);
    prefixed_ = first_piece("a").starts_with(kSpace);
    // A model that drops white space at the ends begins every part of a text anew.
    if (prefixed_ && pieces_of(processor_, " a") != pieces_of(processor_, "a")) {
      model += std::string_view("\x1A\x02\x18\x00", 4);  // normalizer_spec.add_dummy_prefix: false
      load(bare_.emplace(), model, name);
    }
    for (int id = 0; id < processor_.GetPieceSize(); ++id) {
      if (processor_.IsControl(id) || processor_.IsUnknown(id)) {
        added_[id] = {.content = processor_.IdToPiece(id), .id = id, .special = true};
      }
    }
  }

  const SentencePieceProcessor& processor() const {
    return processor_;
  }

  void set_ends(Ends ends) {
    ends_ = ends;
  }

  /// As transformers has it: every part of a text begins like a text.
  void set_legacy(bool legacy) {
    legacy_ = legacy;
  }

  void add(const AddedToken& token, const std::string& where) {
    const auto piece = id_to_token(token.id);
    const auto known = token_to_id(token.content);
    MMI_CHECK(
        DataError,
        !token.content.empty() && token.id < kMaxTokens &&
            piece.value_or(token.content) == token.content && known.value_or(token.id) == token.id,
        "{}: the added token '{}' cannot have the id {}: it is empty, or one of both belongs to "
        "another already, or ids go to {} only",
        where,
        token.content,
        token.id,
        kMaxTokens - 1);
    added_[token.id] = token;
  }

  /// Once all tokens are there.
  void prepare() {
    for (const auto& [id, token] : added_) {
      finder_.add(token.content, token);
    }
  }

  std::vector<std::int64_t> encode(std::string_view text, bool add_special) const override {
    check_utf8(text, "a text to encode");
    std::vector<Segment> segments;
    finder_.split(text, segments);
    std::vector<std::int64_t> ids;
    if (add_special && ends_.begin) {
      ids.push_back(processor_.bos_id());
    }
    for (const Segment& segment : segments) {
      if (segment.id >= 0) {
        ids.push_back(segment.id);
        continue;
      }
      const auto part = text.substr(segment.begin, segment.end - segment.begin);
      // Behind a token, a space that is there already counts as the one in front of a word.
      const bool continues =
          segment.begin > 0 && (!legacy_ || part.starts_with(' ') || part.starts_with(kSpace));
      const auto pieces = pieces_of(continues && bare_ ? *bare_ : processor_, part);
      ids.insert(ids.end(), pieces.begin(), pieces.end());
    }
    if (add_special && ends_.end) {
      ids.push_back(processor_.eos_id());
    }
    return ids;
  }

  /// An unknown token becomes the library's " ⁇ ", special or not.
  std::string decode(std::span<const std::int64_t> ids, bool skip_special) const override {
    std::string text;
    std::vector<int> pieces;
    const auto flush = [&] {
      if (pieces.empty()) {
        return;
      }
      std::string part;
      const auto status = processor_.Decode(pieces, &part);
      MMI_CHECK(DataError, status.ok(), "SentencePiece cannot decode: {}", status.error_message());
      // Which it leaves out as that of a text's beginning.
      const bool space = prefixed_ && processor_.IdToPiece(pieces.front()).starts_with(kSpace);
      text += (space && !text.empty() ? " " : "") + part;
      pieces.clear();
    };
    for (const std::int64_t id : ids) {
      MMI_CHECK(
          DataError,
          id >= 0 && id < vocab_size(),
          "ids of this vocabulary are in 0..{}, but one is {}",
          vocab_size() - 1,
          id);
      const auto added = added_.find(id);
      if (id < processor_.GetPieceSize() &&
          (added == added_.end() || processor_.IsUnknown(static_cast<int>(id)))) {
        pieces.push_back(static_cast<int>(id));
      } else if (added != added_.end() && !(skip_special && added->second.special)) {
        flush();
        text += added->second.content;
      }
    }
    flush();
    return text;
  }

  std::int64_t vocab_size() const override {
    const std::int64_t pieces = processor_.GetPieceSize();
    return added_.empty() ? pieces : std::max(pieces, added_.rbegin()->first + 1);
  }

  std::optional<std::int64_t> token_to_id(std::string_view token) const override {
    for (const auto& [id, added] : added_) {
      if (added.content == token) {
        return id;
      }
    }
    const int id = processor_.PieceToId(token);
    return processor_.IdToPiece(id) == token ? std::optional<std::int64_t>(id) : std::nullopt;
  }

  std::optional<std::string> id_to_token(std::int64_t id) const override {
    if (const auto added = added_.find(id); added != added_.end()) {
      return added->second.content;
    }
    return id < 0 || id >= processor_.GetPieceSize()
               ? std::nullopt
               : std::optional(processor_.IdToPiece(static_cast<int>(id)));
  }

  std::vector<AddedToken> added_tokens() const override {
    std::vector<AddedToken> tokens;
    for (const auto& [id, token] : added_) {
      tokens.push_back(token);
    }
    return tokens;
  }

 private:
  static std::vector<int> pieces_of(
      const SentencePieceProcessor& processor, std::string_view text) {
    std::vector<int> pieces;
    const auto status = processor.Encode(text, &pieces);
    MMI_CHECK(DataError, status.ok(), "SentencePiece cannot encode: {}", status.error_message());
    return pieces;
  }

  std::string first_piece(std::string_view text) const {
    std::vector<std::string> pieces;
    const auto status = processor_.Encode(text, &pieces);
    return status.ok() && !pieces.empty() ? pieces.front() : "";
  }

  SentencePieceProcessor processor_;
  std::optional<SentencePieceProcessor> bare_;  // puts no space in front
  bool prefixed_ = false;
  bool legacy_ = false;
  Ends ends_;
  std::map<std::int64_t, AddedToken> added_;
  TokenFinder finder_;
};

/// The text of a token, which may stand alone or be described.
std::string content_of(const json& token) {
  const json& text = token.is_object() && token.contains("content") ? token["content"] : token;
  return text.is_string() ? text.get<std::string>() : "";
}

/// What a configuration calls a special token, by any name.
std::set<std::string> special_of(const json& config) {
  std::set<std::string> special;
  for (const auto& [key, value] : config.items()) {
    if (key.ends_with("_token")) {
      special.insert(content_of(value));
    } else if (key.ends_with("_special_tokens") && value.is_array()) {
      for (const json& token : value) {
        special.insert(content_of(token));
      }
    }
  }
  return special;
}

json read_object(const std::filesystem::path& file) {
  json object = json::object();
  if (std::filesystem::exists(file)) {
    object = io::read_json(file, kTokenizerLimits);
    MMI_CHECK(DataError, object.is_object(), "{} must be a JSON object", file);
  }
  return object;
}

/// Tokens of tokenizer_config.json, or of added_tokens.json as it was before.
std::vector<AddedToken> added_beside(const std::filesystem::path& folder, const json& config) {
  std::vector<AddedToken> tokens;
  const auto described = config.find("added_tokens_decoder");
  if (described != config.end() && described->is_object()) {
    for (const auto& [key, value] : described->items()) {
      const std::string where =
          format("{}: added_tokens_decoder: {}", folder / "tokenizer_config.json", key);
      MMI_CHECK(
          DataError,
          !key.empty() && key.size() < 9 &&
              std::all_of(key.begin(), key.end(), [](char c) { return c >= '0' && c <= '9'; }),
          "{} is no id",
          where);
      Fields fields(value, where);
      AddedToken token;
      token.id = std::stoll(key);
      token.content = fields.text("content");
      token.special = fields.flag("special", false);
      token.single_word = fields.flag("single_word", false);
      token.lstrip = fields.flag("lstrip", false);
      token.rstrip = fields.flag("rstrip", false);
      tokens.push_back(std::move(token));
    }
    return tokens;
  }
  const std::filesystem::path file = folder / "added_tokens.json";
  std::set<std::string> special = special_of(config);
  special.merge(special_of(read_object(folder / "special_tokens_map.json")));
  const json ids = read_object(file);
  for (const auto& [content, id] : ids.items()) {
    MMI_CHECK(
        DataError,
        id.is_number_unsigned() && id.get<std::uint64_t>() < kMaxTokens,
        "{}: '{}' must have an id",
        file,
        content);
    tokens.push_back(
        {.content = content, .id = id.get<std::int64_t>(), .special = special.contains(content)});
  }
  return tokens;
}

}  // namespace

TokenizerPtr parse_sentence_piece(std::span<const std::uint8_t> bytes, const std::string& name) {
  auto made = std::make_shared<SentencePiece>(bytes, name);
  made->set_ends({made->processor().bos_id() >= 0, false});
  made->prepare();
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
  const auto legacy = config.find("legacy");
  made->set_legacy(legacy != config.end() && legacy->is_boolean() && legacy->get<bool>());
  for (const AddedToken& token : added_beside(file.parent_path(), config)) {
    made->add(token, file.string());
  }
  made->prepare();
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
