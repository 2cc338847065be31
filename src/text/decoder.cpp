#include "text/decoder.h"

#include <array>
#include <string_view>
#include <utility>

#include "mmi/base/errors.h"
#include "text/byte_level.h"
#include "text/fields.h"
#include "text/pattern.h"
#include "text/utf8.h"

namespace mmi::text {
namespace {

using nlohmann::json;
using Made = std::unique_ptr<const Decoder>;
using Tokens = std::vector<std::string>;

constexpr std::int64_t kMaxStrip = 1'000'000;

void join(Tokens& tokens) {
  std::string all;
  for (const std::string& token : tokens) {
    all += token;
  }
  tokens.assign(1, std::move(all));
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

class ByteLevel : public Decoder {
 public:
  void apply(Tokens& tokens) const override {
    std::string bytes;
    for (const std::string& token : tokens) {
      append_bytes(bytes, token);
    }
    tokens.assign(1, replace_bad_bytes(bytes));
  }
};

class ByteFallback : public Decoder {
 public:
  void apply(Tokens& tokens) const override {
    Tokens out;
    std::string bytes;
    const auto flush = [&] {
      if (bytes.empty()) {
        return;
      }
      if (first_bad_byte(bytes) == std::string::npos) {
        out.push_back(bytes);
      } else {
        out.insert(out.end(), bytes.size(), "\xEF\xBF\xBD");
      }
      bytes.clear();
    };
    for (std::string& token : tokens) {
      const int byte = byte_of(token);
      if (byte >= 0) {
        bytes.push_back(static_cast<char>(byte));
      } else {
        flush();
        out.push_back(std::move(token));
      }
    }
    flush();
    tokens = std::move(out);
  }

 private:
  /// 0x0A for "<0x0A>", -1 for other tokens.
  static int byte_of(std::string_view token) {
    if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') {
      return -1;
    }
    int value = 0;
    for (const char c : token.substr(3, 2)) {
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                               : -1;
      if (digit < 0) {
        return -1;
      }
      value = 16 * value + digit;
    }
    return value;
  }
};

class Fuse : public Decoder {
 public:
  void apply(Tokens& tokens) const override {
    join(tokens);
  }
};

class Strip : public Decoder {
 public:
  explicit Strip(Fields& fields)
      : start_(fields.integer("start", 0, kMaxStrip)), stop_(fields.integer("stop", 0, kMaxStrip)) {
    append_char(content_, fields.character("content"));
  }

  void apply(Tokens& tokens) const override {
    for (std::string& token : tokens) {
      std::size_t begin = 0;
      std::size_t end = token.size();
      for (std::int64_t i = 0; i < start_ && token.compare(begin, content_.size(), content_) == 0;
           ++i) {
        begin += content_.size();
      }
      for (std::int64_t i = 0; i < stop_ && end >= begin + content_.size() &&
                               token.compare(end - content_.size(), content_.size(), content_) == 0;
           ++i) {
        end -= content_.size();
      }
      token = token.substr(begin, end - begin);
    }
  }

 private:
  std::string content_;
  std::int64_t start_;
  std::int64_t stop_;
};

class Replace : public Decoder {
 public:
  explicit Replace(Fields& fields)
      : pattern_(fields.at("pattern"), fields.where()), content_(fields.text("content")) {}

  void apply(Tokens& tokens) const override {
    for (std::string& token : tokens) {
      token = pattern_.replace_all(token, content_);
    }
  }

 private:
  Pattern pattern_;
  std::string content_;
};

class Metaspace : public Decoder {
 public:
  explicit Metaspace(Fields& fields) {
    append_char(mark_, fields.character("replacement"));
    fields.skip("str_rep");
    fields.skip("split");
    const std::string scheme = fields.flag("add_prefix_space", true) ? "always" : "never";
    prefixed_ = fields.optional_text("prepend_scheme").value_or(scheme) != "never";
  }

  void apply(Tokens& tokens) const override {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      replace_all(tokens[i], mark_, i == 0 && prefixed_ ? "" : " ");
    }
  }

 private:
  std::string mark_;
  bool prefixed_ = true;
};

class WordPiece : public Decoder {
 public:
  explicit WordPiece(Fields& fields)
      : prefix_(fields.text("prefix")), cleanup_(fields.flag("cleanup")) {}

  void apply(Tokens& tokens) const override {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      std::string& token = tokens[i];
      if (i > 0) {
        if (token.starts_with(prefix_)) {
          token.erase(0, prefix_.size());
        } else {
          token.insert(0, 1, ' ');
        }
      }
      if (cleanup_) {
        clean(token);
      }
    }
  }

 private:
  /// English as BERT's authors put it together again.
  static void clean(std::string& token) {
    constexpr std::array<std::pair<const char*, const char*>, 11> kJoined{{
        {" .", "."},
        {" ?", "?"},
        {" !", "!"},
        {" ,", ","},
        {" ' ", "'"},
        {" n't", "n't"},
        {" 'm", "'m"},
        {" do not", " don't"},
        {" 's", "'s"},
        {" 've", "'ve"},
        {" 're", "'re"},
    }};
    for (const auto& [from, to] : kJoined) {
      replace_all(token, from, to);
    }
  }

  std::string prefix_;
  bool cleanup_;
};

class WordEnds : public Decoder {
 public:
  explicit WordEnds(Fields& fields) : suffix_(fields.text("suffix")) {}

  void apply(Tokens& tokens) const override {
    for (std::size_t i = 0; i < tokens.size() && !suffix_.empty(); ++i) {
      replace_all(tokens[i], suffix_, i + 1 == tokens.size() ? "" : " ");
    }
  }

 private:
  std::string suffix_;
};

class Sequence : public Decoder {
 public:
  explicit Sequence(Fields& fields) {
    const json& parts = fields.at("decoders");
    MMI_CHECK(DataError, parts.is_array(), "{}: 'decoders' must be a list", fields.where());
    for (std::size_t i = 0; i < parts.size(); ++i) {
      parts_.push_back(read_decoder(parts[i], format("{}[{}]", fields.where(), i)));
    }
  }

  void apply(Tokens& tokens) const override {
    for (const auto& part : parts_) {
      part->apply(tokens);
    }
  }

 private:
  std::vector<Made> parts_;
};

Made make(const std::string& type, Fields& fields) {
  if (type == "Sequence") {
    return std::make_unique<Sequence>(fields);
  }
  if (type == "ByteLevel") {
    fields.skip("add_prefix_space");
    fields.skip("trim_offsets");
    fields.skip("use_regex");
    return std::make_unique<ByteLevel>();
  }
  if (type == "ByteFallback") {
    return std::make_unique<ByteFallback>();
  }
  if (type == "Fuse") {
    return std::make_unique<Fuse>();
  }
  if (type == "Strip") {
    return std::make_unique<Strip>(fields);
  }
  if (type == "Replace") {
    return std::make_unique<Replace>(fields);
  }
  if (type == "Metaspace") {
    return std::make_unique<Metaspace>(fields);
  }
  if (type == "WordPiece") {
    return std::make_unique<WordPiece>(fields);
  }
  if (type == "BPEDecoder") {
    return std::make_unique<WordEnds>(fields);
  }
  fields.fail(format(
      "the decoder '{}' is not known here (known: ByteLevel, ByteFallback, Fuse, Strip, Replace, "
      "Metaspace, WordPiece, BPEDecoder, Sequence)",
      type));
}

}  // namespace

Made read_decoder(const json& description, const std::string& where) {
  Fields fields(description, where);
  const std::string type = fields.text("type");
  Made made = make(type, fields);
  fields.done();
  return made;
}

}  // namespace mmi::text
