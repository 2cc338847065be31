#include "text/normalizer.h"

#include <algorithm>
#include <vector>

#include "mmi/base/errors.h"
#include "text/fields.h"
#include "text/pattern.h"
#include "text/unicode.h"
#include "text/utf8.h"

namespace mmi::text {
namespace {

using nlohmann::json;
using Made = std::unique_ptr<const Normalizer>;

class Replace : public Normalizer {
 public:
  explicit Replace(Fields& fields)
      : pattern_(fields.at("pattern"), fields.where()), content_(fields.text("content")) {}

  void apply(std::string& text, bool& at_start) const override {
    const std::string before = text;
    text = pattern_.replace_all(before, content_);
    if (content_.empty() && !before.empty() && pattern_.begins(before)) {
      at_start = false;
    }
  }

 private:
  Pattern pattern_;
  std::string content_;
};

class Prepend : public Normalizer {
 public:
  explicit Prepend(Fields& fields) : prefix_(fields.text("prepend")) {}

  void apply(std::string& text, bool& at_start) const override {
    if (!text.empty()) {
      text.insert(0, prefix_);
    }
  }

 private:
  std::string prefix_;
};

void lower(std::string& text) {
  if (is_ascii(text)) {
    for (char& c : text) {
      c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    return;
  }
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    append_lower(out, next_char(text, at));
  }
  text = std::move(out);
}

/// The text without the characters for which `unwanted` holds.
template <class Predicate>
void drop(std::string& text, bool& at_start, Predicate unwanted) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t start = at;
    if (!unwanted(next_char(text, at))) {
      out.append(text, start, at - start);
    } else if (start == 0) {
      at_start = false;
    }
  }
  text = std::move(out);
}

class Lowercase : public Normalizer {
 public:
  void apply(std::string& text, bool& at_start) const override {
    lower(text);
  }
};

class ToForm : public Normalizer {
 public:
  explicit ToForm(NormalForm form) : form_(form) {}

  void apply(std::string& text, bool& at_start) const override {
    normalize(form_, text);
  }

 private:
  NormalForm form_;
};

class Strip : public Normalizer {
 public:
  explicit Strip(Fields& fields)
      : left_(fields.flag("strip_left")), right_(fields.flag("strip_right")) {}

  void apply(std::string& text, bool& at_start) const override {
    std::size_t end = text.size();
    while (right_ && end > 0) {
      std::size_t at = end;
      if (!is_space(previous_char(text, at))) {
        break;
      }
      end = at;
    }
    text.resize(end);
    std::size_t begin = 0;
    while (left_ && begin < text.size()) {
      std::size_t at = begin;
      if (!is_space(next_char(text, at))) {
        break;
      }
      begin = at;
    }
    text.erase(0, begin);
    at_start = at_start && begin == 0;
  }

 private:
  bool left_;
  bool right_;
};

class StripAccents : public Normalizer {
 public:
  void apply(std::string& text, bool& at_start) const override {
    if (!is_ascii(text)) {
      drop(text, at_start, is_mark);
    }
  }
};

/// Chinese characters as BERT sees them, without kana and hangul.
bool is_chinese(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

class Bert : public Normalizer {
 public:
  explicit Bert(Fields& fields)
      : clean_(fields.flag("clean_text")),
        chinese_(fields.flag("handle_chinese_chars")),
        lowercase_(fields.flag("lowercase")),
        strip_accents_(fields.flag("strip_accents", lowercase_)) {}

  void apply(std::string& text, bool& at_start) const override {
    if (clean_ || chinese_) {
      std::string out;
      out.reserve(text.size() + 16);
      for (std::size_t at = 0; at < text.size();) {
        const bool first = at == 0;
        add(next_char(text, at), out);
        at_start = at_start && !(first && out.empty());
      }
      text = std::move(out);
    }
    if (strip_accents_ && !is_ascii(text)) {
      normalize(NormalForm::kNfd, text);
      drop(text, at_start, is_nonspacing_mark);
    }
    if (lowercase_) {
      lower(text);
    }
  }

 private:
  void add(char32_t c, std::string& out) const {
    if (clean_) {
      const bool blank = c == '\t' || c == '\n' || c == '\r';
      if (c == 0 || c == 0xFFFD || (!blank && is_other(c))) {
        return;
      }
      c = is_space(c) ? U' ' : c;
    }
    if (chinese_ && is_chinese(c)) {
      out.push_back(' ');
      append_char(out, c);
      out.push_back(' ');
    } else {
      append_char(out, c);
    }
  }

  bool clean_;
  bool chinese_;
  bool lowercase_;
  bool strip_accents_;
};

class Sequence : public Normalizer {
 public:
  explicit Sequence(Fields& fields) {
    const json& parts = fields.at("normalizers");
    MMI_CHECK(DataError, parts.is_array(), "{}: 'normalizers' must be a list", fields.where());
    for (std::size_t i = 0; i < parts.size(); ++i) {
      parts_.push_back(read_normalizer(parts[i], format("{}[{}]", fields.where(), i)));
    }
  }

  void apply(std::string& text, bool& at_start) const override {
    for (const auto& part : parts_) {
      part->apply(text, at_start);
    }
  }

 private:
  std::vector<Made> parts_;
};

Made make(const std::string& type, Fields& fields) {
  if (type == "Sequence") {
    return std::make_unique<Sequence>(fields);
  }
  if (type == "Replace") {
    return std::make_unique<Replace>(fields);
  }
  if (type == "Prepend") {
    return std::make_unique<Prepend>(fields);
  }
  if (type == "Lowercase") {
    return std::make_unique<Lowercase>();
  }
  if (type == "NFC") {
    return std::make_unique<ToForm>(NormalForm::kNfc);
  }
  if (type == "NFD") {
    return std::make_unique<ToForm>(NormalForm::kNfd);
  }
  if (type == "NFKC") {
    return std::make_unique<ToForm>(NormalForm::kNfkc);
  }
  if (type == "NFKD") {
    return std::make_unique<ToForm>(NormalForm::kNfkd);
  }
  if (type == "Strip") {
    return std::make_unique<Strip>(fields);
  }
  if (type == "StripAccents") {
    return std::make_unique<StripAccents>();
  }
  if (type == "BertNormalizer") {
    return std::make_unique<Bert>(fields);
  }
  fields.fail(format(
      "the normalizer '{}' is not known here (known: Replace, Prepend, Lowercase, NFC, NFD, NFKC, "
      "NFKD, Strip, StripAccents, BertNormalizer, Sequence)",
      type));
}

}  // namespace

Made read_normalizer(const json& description, const std::string& where) {
  Fields fields(description, where);
  const std::string type = fields.text("type");
  Made made = make(type, fields);
  fields.done();
  return made;
}

}  // namespace mmi::text
