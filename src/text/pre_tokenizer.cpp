#include "text/pre_tokenizer.h"

#include <algorithm>
#include <string_view>

#include "mmi/base/errors.h"
#include "text/byte_level.h"
#include "text/fields.h"
#include "text/pattern.h"
#include "text/unicode.h"
#include "text/utf8.h"

namespace mmi::text {
namespace {

using nlohmann::json;
using Made = std::unique_ptr<const PreTokenizer>;

// GPT-2's words.
constexpr const char* kByteLevelWords =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/// What becomes of the pieces that a pattern finds.
enum class Behavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

Behavior read_behavior(Fields& fields, const char* key) {
  const std::string name = fields.text(key);
  if (name == "Removed") {
    return Behavior::kRemoved;
  }
  if (name == "Isolated") {
    return Behavior::kIsolated;
  }
  if (name == "MergedWithPrevious") {
    return Behavior::kMergedWithPrevious;
  }
  if (name == "MergedWithNext") {
    return Behavior::kMergedWithNext;
  }
  if (name == "Contiguous") {
    return Behavior::kContiguous;
  }
  fields.fail(format("the behavior '{}' is not known here", name));
}

/// Collects the parts of one piece, found and not found in turn, by a behavior.
class Splitter {
 public:
  Splitter(Behavior behavior, std::vector<Range>& out) : behavior_(behavior), out_(out) {}

  void begin() {
    first_ = out_.size();
    matched_before_ = false;
  }

  void add(Range part, bool matched) {
    const bool any = out_.size() > first_;
    switch (behavior_) {
      case Behavior::kRemoved:
        if (!matched) {
          push(part);
        }
        break;
      case Behavior::kIsolated:
        push(part);
        break;
      case Behavior::kContiguous:
        if (any && matched == matched_before_) {
          out_.back().end = part.end;
        } else {
          push(part);
        }
        break;
      case Behavior::kMergedWithPrevious:
        if (any && matched && !matched_before_) {
          out_.back().end = part.end;
        } else {
          push(part);
        }
        break;
      case Behavior::kMergedWithNext:
        // A match waits for what follows it, unless that is a match as well.
        if (any && matched_before_ && !matched) {
          out_.back().end = part.end;
        } else {
          push(part);
        }
        break;
    }
    matched_before_ = matched;
  }

 private:
  void push(Range part) {
    out_.push_back(part);
  }

  Behavior behavior_;
  std::vector<Range>& out_;
  std::size_t first_ = 0;
  bool matched_before_ = false;
};

/// Splits every piece at the ranges that `find(piece, offset, matches)` gives.
template <class Find>
void split(Pieces& pieces, Behavior behavior, bool invert, Find find) {
  pieces.spare_ranges.clear();
  Splitter splitter(behavior, pieces.spare_ranges);
  for (const Range& piece : pieces.ranges) {
    pieces.matches.clear();
    const std::string_view text(pieces.text.data() + piece.begin, piece.end - piece.begin);
    find(text, piece.begin, pieces.matches);
    splitter.begin();
    std::uint32_t done = piece.begin;
    for (const Range& match : pieces.matches) {
      if (done != match.begin) {
        splitter.add({done, match.begin}, invert);
      }
      splitter.add(match, !invert);
      done = match.end;
    }
    if (done != piece.end) {
      splitter.add({done, piece.end}, invert);
    }
  }
  std::erase_if(pieces.spare_ranges, [](const Range& range) { return range.begin == range.end; });
  pieces.ranges.swap(pieces.spare_ranges);
}

/// Each character for which `wanted` holds is a match of its own.
template <class Predicate>
void split_chars(Pieces& pieces, Behavior behavior, Predicate wanted) {
  split(
      pieces,
      behavior,
      false,
      [&](std::string_view piece, std::uint32_t offset, std::vector<Range>& found) {
        for (std::size_t at = 0; at < piece.size();) {
          const std::size_t start = at;
          if (wanted(next_char(piece, at))) {
            found.push_back(
                {offset + static_cast<std::uint32_t>(start),
                 offset + static_cast<std::uint32_t>(at)});
          }
        }
      });
}

/// Respells every piece: `write(piece, first, out)` appends the new one.
template <class Write>
void respell(Pieces& pieces, Write write) {
  pieces.spare_text.clear();
  for (Range& range : pieces.ranges) {
    const std::string_view piece(pieces.text.data() + range.begin, range.end - range.begin);
    const auto begin = static_cast<std::uint32_t>(pieces.spare_text.size());
    write(piece, pieces.at_start && range.begin == 0, pieces.spare_text);
    range = {begin, static_cast<std::uint32_t>(pieces.spare_text.size())};
  }
  pieces.text.swap(pieces.spare_text);
}

class ByteLevel : public PreTokenizer {
 public:
  explicit ByteLevel(Fields& fields)
      : prefix_space_(fields.flag("add_prefix_space")), words_(kByteLevelWords, fields.where()) {
    fields.skip("trim_offsets");
    split_ = fields.flag("use_regex", true);
  }

  void apply(Pieces& pieces) const override {
    if (prefix_space_) {
      respell(pieces, [](std::string_view piece, bool, std::string& out) {
        if (!piece.starts_with(' ')) {
          out.push_back(' ');
        }
        out.append(piece);
      });
    }
    if (split_) {
      split(
          pieces,
          Behavior::kIsolated,
          false,
          [&](std::string_view piece, std::uint32_t offset, std::vector<Range>& found) {
            words_.find_all(piece, offset, found);
          });
    }
    respell(
        pieces, [](std::string_view piece, bool, std::string& out) { append_spelled(out, piece); });
  }

 private:
  bool prefix_space_;
  bool split_ = true;
  Regex words_;
};

class Split : public PreTokenizer {
 public:
  explicit Split(Fields& fields)
      : pattern_(fields.at("pattern"), fields.where()),
        behavior_(read_behavior(fields, "behavior")),
        invert_(fields.flag("invert")) {}

  void apply(Pieces& pieces) const override {
    split(
        pieces,
        behavior_,
        invert_,
        [&](std::string_view piece, std::uint32_t offset, std::vector<Range>& found) {
          pattern_.find_all(piece, offset, found);
        });
  }

 private:
  Pattern pattern_;
  Behavior behavior_;
  bool invert_;
};

class Metaspace : public PreTokenizer {
 public:
  explicit Metaspace(Fields& fields) : replacement_(fields.character("replacement")) {
    append_char(mark_, replacement_);
    fields.skip("str_rep");
    std::string scheme = fields.flag("add_prefix_space", true) ? "always" : "never";
    scheme = fields.optional_text("prepend_scheme").value_or(scheme);
    if (scheme != "always" && scheme != "first" && scheme != "never") {
      fields.fail(format("the prepend_scheme '{}' is not known here", scheme));
    }
    always_ = scheme == "always";
    first_ = scheme == "first";
    split_ = fields.flag("split", true);
  }

  void apply(Pieces& pieces) const override {
    respell(pieces, [&](std::string_view piece, bool first, std::string& out) {
      if ((always_ || (first_ && first)) && !piece.starts_with(' ') && !piece.starts_with(mark_)) {
        out.append(mark_);
      }
      for (const char c : piece) {
        if (c == ' ') {
          out.append(mark_);
        } else {
          out.push_back(c);
        }
      }
    });
    if (split_) {
      split_chars(pieces, Behavior::kMergedWithNext, [&](char32_t c) { return c == replacement_; });
    }
  }

 private:
  char32_t replacement_;
  std::string mark_;
  bool always_ = false;
  bool first_ = false;
  bool split_ = true;
};

/// \w+|[^\w\s]+
class Whitespace : public PreTokenizer {
 public:
  void apply(Pieces& pieces) const override {
    split_chars(pieces, Behavior::kRemoved, is_space);
    split_chars(pieces, Behavior::kContiguous, is_word);
  }
};

class WhitespaceSplit : public PreTokenizer {
 public:
  void apply(Pieces& pieces) const override {
    split_chars(pieces, Behavior::kRemoved, is_space);
  }
};

class Bert : public PreTokenizer {
 public:
  void apply(Pieces& pieces) const override {
    split_chars(pieces, Behavior::kRemoved, is_space);
    split_chars(pieces, Behavior::kIsolated, is_punctuation);
  }
};

class Digits : public PreTokenizer {
 public:
  explicit Digits(Fields& fields)
      : behavior_(fields.flag("individual_digits") ? Behavior::kIsolated : Behavior::kContiguous) {}

  void apply(Pieces& pieces) const override {
    split_chars(pieces, behavior_, is_number);
  }

 private:
  Behavior behavior_;
};

class Punctuation : public PreTokenizer {
 public:
  explicit Punctuation(Fields& fields)
      : behavior_(
            fields.find("behavior") == nullptr ? Behavior::kIsolated
                                               : read_behavior(fields, "behavior")) {}

  void apply(Pieces& pieces) const override {
    split_chars(pieces, behavior_, is_punctuation);
  }

 private:
  Behavior behavior_;
};

class Sequence : public PreTokenizer {
 public:
  explicit Sequence(Fields& fields) {
    const json& parts = fields.at("pretokenizers");
    MMI_CHECK(DataError, parts.is_array(), "{}: 'pretokenizers' must be a list", fields.where());
    for (std::size_t i = 0; i < parts.size(); ++i) {
      parts_.push_back(read_pre_tokenizer(parts[i], format("{}[{}]", fields.where(), i)));
    }
  }

  void apply(Pieces& pieces) const override {
    for (const auto& part : parts_) {
      part->apply(pieces);
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
    return std::make_unique<ByteLevel>(fields);
  }
  if (type == "Split") {
    return std::make_unique<Split>(fields);
  }
  if (type == "Metaspace") {
    return std::make_unique<Metaspace>(fields);
  }
  if (type == "Whitespace") {
    return std::make_unique<Whitespace>();
  }
  if (type == "WhitespaceSplit") {
    return std::make_unique<WhitespaceSplit>();
  }
  if (type == "BertPreTokenizer") {
    return std::make_unique<Bert>();
  }
  if (type == "Digits") {
    return std::make_unique<Digits>(fields);
  }
  if (type == "Punctuation") {
    return std::make_unique<Punctuation>(fields);
  }
  fields.fail(format(
      "the pre-tokenizer '{}' is not known here (known: ByteLevel, Split, Metaspace, Whitespace, "
      "WhitespaceSplit, BertPreTokenizer, Digits, Punctuation, Sequence)",
      type));
}

}  // namespace

Made read_pre_tokenizer(const json& description, const std::string& where) {
  Fields fields(description, where);
  const std::string type = fields.text("type");
  Made made = make(type, fields);
  fields.done();
  return made;
}

}  // namespace mmi::text
