#include "text/post_processor.h"

#include "mmi/base/errors.h"
#include "text/fields.h"

namespace mmi::text {
namespace {

using nlohmann::json;

/// ["[CLS]", 101]
std::int64_t read_pair(Fields& fields, const char* key, std::int64_t vocab_size) {
  const json& pair = fields.at(key);
  MMI_CHECK(
      DataError,
      pair.is_array() && pair.size() == 2 && pair[0].is_string() && pair[1].is_number_unsigned() &&
          pair[1].get<std::uint64_t>() < static_cast<std::uint64_t>(vocab_size),
      "{}: '{}' must be a token and an id of the vocabulary, but is {}",
      fields.where(),
      key,
      pair.dump(-1, ' ', true, json::error_handler_t::replace).substr(0, 60));
  return pair[1].get<std::int64_t>();
}

Frame read_template(Fields& fields, std::int64_t vocab_size) {
  Frame frame;
  const std::string& where = fields.where();
  fields.skip("pair");  // two texts are never encoded together here
  const json& tokens = fields.at("special_tokens");
  const json& parts = fields.at("single");
  MMI_CHECK(DataError, parts.is_array(), "{}: 'single' must be a list", where);
  int n_texts = 0;
  for (const json& part : parts) {
    Fields one(part, where + ": single");
    if (one.find("Sequence") != nullptr) {
      Fields text(one.at("Sequence"), where + ": single: Sequence");
      text.skip("type_id");
      if (text.text("id") != "A") {
        text.fail(format("the text '{}' is not known here", text.text("id")));
      }
      text.done();
      ++n_texts;
    } else {
      Fields special(one.at("SpecialToken"), where + ": single: SpecialToken");
      special.skip("type_id");
      const std::string name = special.text("id");
      special.done();
      MMI_CHECK(
          DataError,
          tokens.is_object() && tokens.contains(name),
          "{}: the special token '{}' is not among 'special_tokens'",
          where,
          name);
      Fields token(tokens[name], where + ": special_tokens: " + name);
      token.skip("id");
      token.skip("tokens");
      const json& ids = token.at("ids");
      MMI_CHECK(DataError, ids.is_array(), "{}: 'ids' must be a list", token.where());
      for (const json& id : ids) {
        MMI_CHECK(
            DataError,
            id.is_number_unsigned() &&
                id.get<std::uint64_t>() < static_cast<std::uint64_t>(vocab_size),
            "{}: {} is no id of the vocabulary",
            token.where(),
            id.dump(-1, ' ', true, json::error_handler_t::replace).substr(0, 60));
        (n_texts == 0 ? frame.before : frame.after).push_back(id.get<std::int64_t>());
      }
      token.done();
    }
    one.done();
  }
  MMI_CHECK(
      DataError,
      n_texts == 1,
      "{}: 'single' must hold the text once, not {} times",
      where,
      n_texts);
  return frame;
}

}  // namespace

Frame read_frame(const json& description, std::int64_t vocab_size, const std::string& where) {
  Fields fields(description, where);
  const std::string type = fields.text("type");
  Frame frame;
  if (type == "TemplateProcessing") {
    frame = read_template(fields, vocab_size);
  } else if (type == "BertProcessing" || type == "RobertaProcessing") {
    frame.before = {read_pair(fields, "cls", vocab_size)};
    frame.after = {read_pair(fields, "sep", vocab_size)};
    fields.skip("trim_offsets");
    fields.skip("add_prefix_space");
  } else if (type == "ByteLevel") {
    fields.skip("trim_offsets");
    fields.skip("add_prefix_space");
    fields.skip("use_regex");
  } else if (type == "Sequence") {
    const json& parts = fields.at("processors");
    MMI_CHECK(DataError, parts.is_array(), "{}: 'processors' must be a list", where);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const Frame outer = read_frame(parts[i], vocab_size, format("{}[{}]", where, i));
      frame.before.insert(frame.before.begin(), outer.before.begin(), outer.before.end());
      frame.after.insert(frame.after.end(), outer.after.begin(), outer.after.end());
    }
  } else {
    fields.fail(format(
        "the post-processor '{}' is not known here (known: TemplateProcessing, BertProcessing, "
        "RobertaProcessing, ByteLevel, Sequence)",
        type));
  }
  fields.done();
  return frame;
}

}  // namespace mmi::text
