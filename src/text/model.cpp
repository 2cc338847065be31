#include "text/model.h"

#include "mmi/base/errors.h"
#include "text/bpe.h"
#include "text/fields.h"
#include "text/word_piece.h"

namespace mmi::text {
namespace {

using nlohmann::json;

/// "a b" or ["a", "b"].
std::pair<std::string, std::string> read_merge(
    const json& merge, std::size_t rank, const std::string& where) {
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
    return {merge[0].get<std::string>(), merge[1].get<std::string>()};
  }
  MMI_CHECK(
      DataError,
      merge.is_string(),
      "{}: merge {} must be two tokens, but is {}",
      where,
      rank,
      merge.dump(-1, ' ', true, json::error_handler_t::replace).substr(0, 60));
  const std::string& text = merge.get_ref<const std::string&>();
  const std::size_t space = text.find(' ');
  MMI_CHECK(
      DataError,
      space != std::string::npos && text.find(' ', space + 1) == std::string::npos,
      "{}: merge {} must be two tokens with a space between them, but is '{}'",
      where,
      rank,
      text);
  return {text.substr(0, space), text.substr(space + 1)};
}

std::unique_ptr<const Model> read_bpe(Fields& fields) {
  Bpe::Config config;
  const json* dropout = fields.find("dropout");
  if (dropout != nullptr && !(dropout->is_number() && dropout->get<double>() == 0.0)) {
    fields.fail("dropout is not known here: ids would differ from call to call");
  }
  config.unknown = fields.optional_text("unk_token");
  config.prefix = fields.optional_text("continuing_subword_prefix").value_or("");
  config.suffix = fields.optional_text("end_of_word_suffix").value_or("");
  config.fuse_unknown = fields.flag("fuse_unk", false);
  config.byte_fallback = fields.flag("byte_fallback", false);
  config.ignore_merges = fields.flag("ignore_merges", false);
  const json& list = fields.at("merges");
  MMI_CHECK(DataError, list.is_array(), "{}: 'merges' must be a list", fields.where());
  MMI_CHECK(
      DataError,
      static_cast<std::int64_t>(list.size()) <= kMaxTokens,
      "{}: {} merges, but at most {} are read",
      fields.where(),
      list.size(),
      kMaxTokens);
  std::vector<std::pair<std::string, std::string>> merges;
  merges.reserve(list.size());
  for (std::size_t rank = 0; rank < list.size(); ++rank) {
    merges.push_back(read_merge(list[rank], rank, fields.where()));
  }
  Vocabulary vocabulary = Vocabulary::read(fields.at("vocab"), fields.where() + ": vocab");
  return std::make_unique<Bpe>(std::move(vocabulary), merges, std::move(config), fields.where());
}

std::unique_ptr<const Model> read_word_piece(Fields& fields) {
  WordPiece::Config config;
  config.unknown = fields.optional_text("unk_token").value_or(config.unknown);
  config.prefix = fields.optional_text("continuing_subword_prefix").value_or(config.prefix);
  config.max_chars = fields.integer("max_input_chars_per_word", 1, 1'000'000, config.max_chars);
  Vocabulary vocabulary = Vocabulary::read(fields.at("vocab"), fields.where() + ": vocab");
  return std::make_unique<WordPiece>(std::move(vocabulary), std::move(config), fields.where());
}

}  // namespace

void Model::encode(std::string_view word, std::vector<std::int64_t>& ids, Scratch& scratch) const {
  const auto known = scratch.cache.find(word);
  if (!known.empty()) {
    ids.insert(ids.end(), known.begin(), known.end());
    return;
  }
  scratch.ids.clear();
  encode_word(word, scratch);
  scratch.cache.put(word, scratch.ids);
  ids.insert(ids.end(), scratch.ids.begin(), scratch.ids.end());
}

std::unique_ptr<const Model> read_model(const json& description, const std::string& where) {
  Fields fields(description, where);
  std::string type = fields.optional_text("type").value_or("");
  if (type.empty()) {  // old files leave it out
    type = fields.find("merges") != nullptr                     ? "BPE"
           : fields.find("max_input_chars_per_word") != nullptr ? "WordPiece"
                                                                : "";
  }
  std::unique_ptr<const Model> model;
  if (type == "BPE") {
    model = read_bpe(fields);
  } else if (type == "WordPiece") {
    model = read_word_piece(fields);
  } else {
    fields.fail(format("the model '{}' is not known here (known: BPE, WordPiece)", type));
  }
  fields.done();
  return model;
}

}  // namespace mmi::text
