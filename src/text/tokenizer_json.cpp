#include "text/tokenizer_json.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "mmi/base/errors.h"
#include "text/fields.h"
#include "text/pipeline.h"

namespace mmi::text {
namespace {

using nlohmann::json;

constexpr std::int64_t kMaxLength = std::int64_t{1} << 24;

std::vector<AddedToken> read_added(
    const json& list, const Vocabulary& vocabulary, const std::string& where) {
  MMI_CHECK(DataError, list.is_array(), "{}: 'added_tokens' must be a list", where);
  std::vector<AddedToken> tokens;
  std::unordered_map<std::string, std::int64_t> ids;
  const auto limit = std::min<std::int64_t>(
      kMaxTokens, vocabulary.size() + 64 * static_cast<std::int64_t>(list.size()) + 65536);
  for (std::size_t i = 0; i < list.size(); ++i) {
    Fields fields(list[i], format("{}: added_tokens[{}]", where, i));
    AddedToken token;
    token.content = fields.text("content");
    token.id = fields.integer("id", 0, limit - 1);
    token.special = fields.flag("special");
    token.single_word = fields.flag("single_word");
    token.lstrip = fields.flag("lstrip");
    token.rstrip = fields.flag("rstrip");
    token.normalized = fields.flag("normalized", !token.special);
    fields.done();
    const std::string* taken = vocabulary.token(token.id);
    MMI_CHECK(
        DataError,
        taken == nullptr || *taken == token.content,
        "{}: the id {} belongs to '{}' of the model's vocabulary, not to '{}'",
        fields.where(),
        token.id,
        taken == nullptr ? std::string() : *taken,
        token.content);
    const std::int32_t known = vocabulary.find(token.content);
    const auto [twin, fresh] = ids.try_emplace(token.content, token.id);
    MMI_CHECK(
        DataError,
        fresh && (known < 0 || known == token.id),
        "{}: '{}' has two ids, {} and {}",
        fields.where(),
        token.content,
        fresh ? known : twin->second,
        token.id);
    tokens.push_back(std::move(token));
  }
  std::stable_sort(tokens.begin(), tokens.end(), [](const AddedToken& a, const AddedToken& b) {
    return a.id < b.id;
  });
  for (std::size_t i = 1; i < tokens.size(); ++i) {
    MMI_CHECK(
        DataError,
        tokens[i - 1].id != tokens[i].id,
        "{}: the id {} belongs to the added tokens '{}' and '{}'",
        where,
        tokens[i].id,
        tokens[i - 1].content,
        tokens[i].content);
  }
  return tokens;
}

void read_truncation(const json& description, PipelineParts& parts, const std::string& where) {
  Fields fields(description, where + ": truncation");
  const std::string direction = fields.optional_text("direction").value_or("Right");
  if (direction != "Right" && direction != "Left") {
    fields.fail(format("the direction '{}' is not known here", direction));
  }
  fields.skip("strategy");  // tells two texts apart
  fields.skip("stride");    // of the parts that are cut off
  parts.max_length = fields.integer("max_length", 1, kMaxLength);
  parts.cut_left = direction == "Left";
  fields.done();
}

void read_padding(
    const json& description,
    std::int64_t vocab_size,
    PipelineParts& parts,
    const std::string& where) {
  Fields fields(description, where + ": padding");
  const json& strategy = fields.at("strategy");
  const std::string direction = fields.optional_text("direction").value_or("Right");
  if (direction != "Right" && direction != "Left") {
    fields.fail(format("the direction '{}' is not known here", direction));
  }
  const std::int64_t multiple = fields.integer("pad_to_multiple_of", 1, kMaxLength, 1);
  fields.skip("pad_type_id");
  fields.skip("pad_token");
  parts.pad_id = fields.integer("pad_id", 0, vocab_size - 1);
  parts.pad_left = direction == "Left";
  if (strategy.is_object()) {
    Fields fixed(strategy, fields.where() + ": strategy");
    parts.pad_length = fixed.integer("Fixed", 0, kMaxLength);
    fixed.done();
    parts.pad_length = (parts.pad_length + multiple - 1) / multiple * multiple;
  } else if (strategy != "BatchLongest") {
    // Lists of a batch keep their own lengths here, so that its longest needs no padding.
    fields.fail(format(
        "the strategy {} is not known here",
        strategy.dump(-1, ' ', true, json::error_handler_t::replace).substr(0, 60)));
  }
  fields.done();
}

}  // namespace

TokenizerPtr build_tokenizer(const json& description, const std::string& name) {
  Fields fields(description, name);
  const std::string version = fields.optional_text("version").value_or("1.0");
  if (version != "1.0") {
    fields.fail(format("the version '{}' is not known here (known: 1.0)", version));
  }
  PipelineParts parts;
  parts.model = read_model(fields.at("model"), name + ": model");
  const Vocabulary& vocabulary = parts.model->vocabulary();
  std::int64_t size = vocabulary.size();
  if (const json* list = fields.find("added_tokens")) {
    parts.added = read_added(*list, vocabulary, name);
    if (!parts.added.empty()) {
      size = std::max(size, parts.added.back().id + 1);
    }
  }
  MMI_CHECK(DataError, size > 0, "{}: the vocabulary is empty", name);
  if (const json* part = fields.find("normalizer")) {
    parts.normalizer = read_normalizer(*part, name + ": normalizer");
  }
  if (const json* part = fields.find("pre_tokenizer")) {
    parts.pre_tokenizer = read_pre_tokenizer(*part, name + ": pre_tokenizer");
  }
  if (const json* part = fields.find("post_processor")) {
    parts.frame = read_frame(*part, size, name + ": post_processor");
  }
  if (const json* part = fields.find("decoder")) {
    parts.decoder = read_decoder(*part, name + ": decoder");
  }
  if (const json* part = fields.find("truncation")) {
    read_truncation(*part, parts, name);
  }
  if (const json* part = fields.find("padding")) {
    read_padding(*part, size, parts, name);
  }
  fields.done();
  return std::make_shared<Pipeline>(std::move(parts));
}

TokenizerPtr parse_tokenizer_json(std::string_view text, const std::string& name) {
  return build_tokenizer(io::parse_json(text, name, kTokenizerLimits), name);
}

}  // namespace mmi::text
