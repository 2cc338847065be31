#include "text/vocab_files.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "text/byte_level.h"
#include "text/fields.h"
#include "text/tokenizer_json.h"
#include "text/utf8.h"

namespace mmi::text {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::uint64_t kMaxText = 64ULL << 20;
// CLIP's authors take so many merges of a longer list: 49,152 - 256 bytes - 2 special tokens.
constexpr std::size_t kClipMerges = 48'894;

constexpr const char* kClipWords =
    "|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";
constexpr const char* kQwenWords =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "
    "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
    "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    if (line.ends_with('\r')) {
      line.remove_suffix(1);
    }
    lines.push_back(line);
    at = end + 1;
  }
  return lines;
}

json merges_of(const std::vector<std::string_view>& lines, const std::string& name) {
  json merges = json::array();
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string_view line = lines[i];
    if (line.empty() || line.starts_with("#version") ||
        (i == 0 && line.find("#version") != line.npos)) {
      continue;
    }
    const std::size_t space = line.find(' ');
    MMI_CHECK(
        DataError,
        space != std::string_view::npos && space > 0 && space + 1 < line.size() &&
            line.find(' ', space + 1) == std::string_view::npos,
        "{}: line {} must be two tokens with a space between them, but is '{}'",
        name,
        i + 1,
        line.substr(0, 60));
    merges.push_back({line.substr(0, space), line.substr(space + 1)});
  }
  return merges;
}

json added_token(std::int64_t id, const std::string& content, bool lstrip = false) {
  return {
      {"id", id},
      {"content", content},
      {"special", true},
      {"single_word", false},
      {"lstrip", lstrip},
      {"rstrip", false},
      {"normalized", false}};
}

/// Of the names, those that the vocabulary has.
json added_of(const json& vocab, std::initializer_list<const char*> names) {
  json added = json::array();
  for (const char* name : names) {
    if (vocab.contains(name)) {
      added.push_back(added_token(
          vocab[name].is_number_unsigned() ? vocab[name].get<std::int64_t>() : 0,
          name,
          std::string_view(name) == "<mask>"));
    }
  }
  return added;
}

/// What tokenizer_config.json lists takes the place of what we would add ourselves.
void read_added(const json& config, const std::string& name, json& description) {
  const auto list = config.find("added_tokens_decoder");
  if (list == config.end() || !list->is_object()) {
    return;
  }
  json added = json::array();
  for (const auto& [key, value] : list->items()) {
    MMI_CHECK(
        DataError,
        value.is_object() && !key.empty() && key.size() < 10 &&
            std::all_of(key.begin(), key.end(), [](char c) { return c >= '0' && c <= '9'; }),
        "{}: added_tokens_decoder: '{}' is no id with a description",
        name,
        key);
    json token = value;
    token.erase("__type");
    token["id"] = std::stoll(key);
    added.push_back(token);
  }
  description["added_tokens"] = added;
}

json byte_level(bool prefix_space, bool words) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", prefix_space}, {"use_regex", words}};
}

json begin_and_end(const json& vocab, const char* begin, const char* end, const std::string& name) {
  for (const char* token : {begin, end}) {
    MMI_CHECK(
        DataError, vocab.contains(token), "{}: the vocabulary lacks the token '{}'", name, token);
  }
  return {
      {"type", "RobertaProcessing"}, {"cls", {begin, vocab[begin]}}, {"sep", {end, vocab[end]}}};
}

json clip(json vocab, json merges, const char* begin, const char* end, const std::string& name) {
  std::string words;
  for (const char* token : {begin, end}) {
    for (const char* c = token; *c != 0; ++c) {
      words += *c == '|' ? "\\|" : std::string(1, *c);
    }
    words += token == begin ? "|" : "";
  }
  json description;
  description["normalizer"] = {
      {"type", "Sequence"},
      {"normalizers",
       {{{"type", "NFC"}},
        {{"type", "Replace"}, {"pattern", {{"Regex", "\\s+"}}}, {"content", " "}},
        {{"type", "Lowercase"}}}}};
  description["pre_tokenizer"] = {
      {"type", "Sequence"},
      {"pretokenizers",
       {{{"type", "Split"},
         {"pattern", {{"Regex", words + kClipWords}}},
         {"behavior", "Removed"},
         {"invert", true}},
        byte_level(false, false)}}};
  description["decoder"] = {
      {"type", "Sequence"},
      {"decoders",
       {{{"type", "ByteLevel"}},
        {{"type", "Replace"}, {"pattern", {{"String", "</w>"}}}, {"content", " "}},
        {{"type", "Strip"}, {"content", " "}, {"start", 0}, {"stop", 1}}}}};
  description["post_processor"] = begin_and_end(vocab, begin, end, name);
  description["added_tokens"] = added_of(vocab, {begin, end});
  description["model"] = {
      {"type", "BPE"},
      {"unk_token", end},
      {"end_of_word_suffix", "</w>"},
      {"vocab", std::move(vocab)},
      {"merges", std::move(merges)}};
  return description;
}

/// The class that the configuration names, or that the tokens give away.
std::string class_of(const json& config, const json& vocab) {
  const auto named = config.find("tokenizer_class");
  if (named != config.end() && named->is_string()) {
    std::string name = named->get<std::string>();
    if (name.ends_with("Fast")) {
      name.resize(name.size() - 4);
    }
    return name;
  }
  if (vocab.contains("<|startoftext|>") || vocab.contains("a</w>")) {
    return "CLIPTokenizer";
  }
  return vocab.contains("<s>") && vocab.contains("</s>") ? "RobertaTokenizer" : "GPT2Tokenizer";
}

bool config_flag(const json& config, const char* key, bool otherwise, const std::string& name) {
  const auto found = config.find(key);
  if (found == config.end() || found->is_null()) {
    return otherwise;
  }
  MMI_CHECK(DataError, found->is_boolean(), "{}: '{}' must be true or false", name, key);
  return found->get<bool>();
}

json byte_level_description(
    const std::string& kind, json vocab, json merges, const json& config, const std::string& name) {
  if (kind == "CLIPTokenizer") {
    return clip(std::move(vocab), std::move(merges), "<|startoftext|>", "<|endoftext|>", name);
  }
  json description;
  description["decoder"] = {{"type", "ByteLevel"}};
  const bool prefix_space = config_flag(config, "add_prefix_space", false, name);
  description["pre_tokenizer"] = byte_level(prefix_space, true);
  if (kind == "RobertaTokenizer" || kind == "BartTokenizer") {
    description["post_processor"] = begin_and_end(vocab, "<s>", "</s>", name);
    description["added_tokens"] = added_of(vocab, {"<s>", "<pad>", "</s>", "<unk>", "<mask>"});
  } else if (kind == "GPT2Tokenizer") {
    description["added_tokens"] = added_of(vocab, {"<|endoftext|>"});
  } else if (kind == "Qwen2Tokenizer") {
    description["normalizer"] = {{"type", "NFC"}};
    description["pre_tokenizer"] = {
        {"type", "Sequence"},
        {"pretokenizers",
         {{{"type", "Split"},
           {"pattern", {{"Regex", kQwenWords}}},
           {"behavior", "Isolated"},
           {"invert", false}},
          byte_level(prefix_space, false)}}};
  } else {
    throw DataError(format(
        "{}: the tokenizer class '{}' is not known here for vocab.json and merges.txt (known: "
        "GPT2Tokenizer, RobertaTokenizer, BartTokenizer, Qwen2Tokenizer, CLIPTokenizer): save its "
        "tokenizer.json",
        name,
        kind));
  }
  description["model"] = {
      {"type", "BPE"}, {"vocab", std::move(vocab)}, {"merges", std::move(merges)}};
  return description;
}

std::string read_gzip(const fs::path& path) {
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
  MMI_CHECK(DataError, file != nullptr, "{} cannot be opened", path);
  std::string text;
  std::array<char, 1 << 16> part{};
  int n = 0;
  while ((n = gzread(file.get(), part.data(), part.size())) > 0) {
    text.append(part.data(), static_cast<std::size_t>(n));
    MMI_CHECK(
        DataError,
        text.size() <= kMaxText,
        "{} unpacks to more than {}",
        path,
        human_size(kMaxText));
  }
  int code = 0;
  const char* reason = gzerror(file.get(), &code);
  MMI_CHECK(DataError, n == 0 && code == Z_OK, "{} cannot be unpacked: {}", path, reason);
  return text;
}

}  // namespace

json read_tokenizer_config(const fs::path& folder) {
  const fs::path file = folder / "tokenizer_config.json";
  json config = json::object();
  if (fs::exists(file)) {
    config = io::read_json(file, kTokenizerLimits);
    MMI_CHECK(DataError, config.is_object(), "{} must be a JSON object", file);
  }
  return config;
}

TokenizerPtr load_vocab_and_merges(const fs::path& folder) {
  const fs::path vocab_file = folder / "vocab.json";
  const fs::path merges_file = folder / "merges.txt";
  const json config = read_tokenizer_config(folder);
  json vocab = io::read_json(vocab_file, kTokenizerLimits);
  MMI_CHECK(DataError, vocab.is_object(), "{} must map tokens to ids", vocab_file);
  const std::string text = read_text(merges_file, kMaxText);
  check_utf8(text, merges_file.c_str());
  const std::string kind = class_of(config, vocab);
  json description = byte_level_description(
      kind,
      std::move(vocab),
      merges_of(lines_of(text), merges_file.string()),
      config,
      vocab_file.string());
  read_added(config, (folder / "tokenizer_config.json").string(), description);
  return build_tokenizer(description, vocab_file.string());
}

TokenizerPtr load_clip_merges(const fs::path& file) {
  const std::string text = read_gzip(file);
  check_utf8(text, file.c_str());
  std::vector<std::string_view> lines = lines_of(text);
  MMI_CHECK(DataError, !lines.empty(), "{} is empty", file);
  lines.resize(std::min(lines.size(), kClipMerges + 1));
  json merges = merges_of(lines, file.string());
  std::vector<std::string> tokens;
  for (const bool visible : {true, false}) {
    for (int byte = 0; byte < 256; ++byte) {
      const char32_t c = char_of_byte(static_cast<unsigned char>(byte));
      if ((c < 0x100) == visible) {
        append_char(tokens.emplace_back(), c);
      }
    }
  }
  for (std::size_t i = 0; i < 256; ++i) {
    tokens.push_back(tokens[i] + "</w>");
  }
  for (const json& merge : merges) {
    tokens.push_back(merge[0].get<std::string>() + merge[1].get<std::string>());
  }
  tokens.insert(tokens.end(), {"<start_of_text>", "<end_of_text>"});
  json vocab = json::object();
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    const bool fresh = vocab.emplace(tokens[id], id).second;
    MMI_CHECK(DataError, fresh, "{}: the token '{}' comes twice", file, tokens[id]);
  }
  return build_tokenizer(
      clip(std::move(vocab), std::move(merges), "<start_of_text>", "<end_of_text>", file.string()),
      file.string());
}

TokenizerPtr load_word_pieces(const fs::path& file) {
  const std::string text = read_text(file, kMaxText);
  check_utf8(text, file.c_str());
  const json config = read_tokenizer_config(file.parent_path());
  const std::string config_name = (file.parent_path() / "tokenizer_config.json").string();
  json vocab = json::object();
  std::uint64_t id = 0;  // as a parsed file has it
  for (const std::string_view line : lines_of(text)) {
    const bool fresh = vocab.emplace(std::string(line), id++).second;
    MMI_CHECK(DataError, fresh, "{}: line {} repeats the token '{}'", file, id, line);
  }
  const bool lower = config_flag(config, "do_lower_case", true, config_name);
  json description;
  description["normalizer"] = {
      {"type", "BertNormalizer"},
      {"clean_text", true},
      {"handle_chinese_chars", config_flag(config, "tokenize_chinese_chars", true, config_name)},
      {"strip_accents", config_flag(config, "strip_accents", lower, config_name)},
      {"lowercase", lower}};
  description["pre_tokenizer"] = {{"type", "BertPreTokenizer"}};
  description["post_processor"] = begin_and_end(vocab, "[CLS]", "[SEP]", file.string());
  description["decoder"] = {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}};
  description["added_tokens"] = added_of(vocab, {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"});
  description["model"] = {
      {"type", "WordPiece"}, {"unk_token", "[UNK]"}, {"vocab", std::move(vocab)}};
  read_added(config, config_name, description);
  return build_tokenizer(description, file.string());
}

}  // namespace mmi::text
