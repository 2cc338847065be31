#include "text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>

#include "mmi/base/errors.h"
#include "text/utf8.h"

namespace mmi::text {
namespace {

constexpr std::size_t kMaxPattern = 1 << 16;
constexpr std::uint32_t kMatchLimit = 2'000'000;
constexpr std::size_t kStackBytes = 4 << 20;

/// What a thread needs to run any expression.
class Workspace {
 public:
  Workspace()
      : data_(pcre2_match_data_create(1, nullptr)),
        context_(pcre2_match_context_create(nullptr)),
        stack_(pcre2_jit_stack_create(32 << 10, kStackBytes, nullptr)) {
    MMI_CHECK(DataError, data_ && context_ && stack_, "no memory for a regular expression");
    pcre2_set_match_limit(context_, kMatchLimit);
    pcre2_jit_stack_assign(context_, nullptr, stack_);
  }

  ~Workspace() {
    pcre2_jit_stack_free(stack_);
    pcre2_match_context_free(context_);
    pcre2_match_data_free(data_);
  }

  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  static Workspace& here() {
    thread_local Workspace workspace;
    return workspace;
  }

  pcre2_match_data* data() {
    return data_;
  }

  pcre2_match_context* context() {
    return context_;
  }

 private:
  pcre2_match_data* data_;
  pcre2_match_context* context_;
  pcre2_jit_stack* stack_;
};

/// Rewrites the few escapes and signs that mean something else to PCRE2.
class Translator {
 public:
  Translator(const std::string& pattern, const std::string& where)
      : pattern_(pattern), where_(where) {}

  std::string run() {
    while (at_ < pattern_.size()) {
      const char c = pattern_[at_];
      if (c == '\\') {
        escape();
      } else if (in_class_) {
        class_sign(c);
      } else if (c == '[') {
        open_class();
      } else {
        if (pattern_.compare(at_, 2, "(?") == 0) {
          check_flags();
        }
        out_ += c;
        ++at_;
      }
    }
    return std::move(out_);
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw DataError(format("{}: the regular expression '{}' uses {}", where_, pattern_, what));
  }

  void escape() {
    if (at_ + 1 >= pattern_.size()) {
      refuse("a backslash at its end");
    }
    const char c = pattern_[at_ + 1];
    constexpr const char* kWord = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";
    switch (c) {
      case 's':
        out_ += "\\p{White_Space}";
        break;
      case 'S':
        out_ += "\\P{White_Space}";
        break;
      case 'd':
        out_ += "\\p{Nd}";
        break;
      case 'D':
        out_ += "\\P{Nd}";
        break;
      case 'w':
        out_ += in_class_ ? std::string(kWord) : format("[{}]", kWord);
        break;
      case 'W':
        if (in_class_) {
          refuse("\\W inside of [...], which is not known here");
        }
        out_ += format("[^{}]", kWord);
        break;
      case 'b':
      case 'B':
      case 'h':
      case 'H':
      case 'C':
      case 'Q':
      case 'E':
        refuse(format("\\{}, which is not known here", std::string(1, c)));
      default:
        out_ += {'\\', c};
    }
    at_ += 2;
  }

  void open_class() {
    in_class_ = true;
    out_ += pattern_[at_++];
    if (at_ < pattern_.size() && pattern_[at_] == '^') {
      out_ += pattern_[at_++];
    }
    if (at_ < pattern_.size() && pattern_[at_] == ']') {
      refuse("a ']' at the beginning of [...]");
    }
  }

  void class_sign(char c) {
    if (c == '[') {
      refuse("a '[' inside of [...]");
    }
    if (c == '&' && pattern_.compare(at_, 2, "&&") == 0) {
      refuse("'&&' inside of [...]");
    }
    in_class_ = c != ']';
    out_ += c;
    ++at_;
  }

  /// (?i) and (?i:...) mean the same to both; m and s do not.
  void check_flags() const {
    for (std::size_t i = at_ + 2; i < pattern_.size(); ++i) {
      const char c = pattern_[i];
      if (c == 'm' || c == 's' || c == 'x') {
        refuse(format("the flag '{}', which is not known here", std::string(1, c)));
      }
      if (c != 'i' && c != '-') {
        return;
      }
    }
  }

  const std::string& pattern_;
  const std::string& where_;
  std::string out_;
  std::size_t at_ = 0;
  bool in_class_ = false;
};

std::string message(int code) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

}  // namespace

Regex::Regex(const std::string& pattern, const std::string& where) : where_(where) {
  MMI_CHECK(
      DataError,
      pattern.size() <= kMaxPattern,
      "{}: a regular expression of {} bytes, but at most {} are read",
      where,
      pattern.size(),
      kMaxPattern);
  const std::string translated = Translator(pattern, where_).run();
  std::shared_ptr<pcre2_compile_context> context(
      pcre2_compile_context_create(nullptr), pcre2_compile_context_free);
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int code = 0;
  PCRE2_SIZE place = 0;
  // The other engine's ^ and $ stand at each line.
  std::shared_ptr<pcre2_code> compiled(
      pcre2_compile(
          reinterpret_cast<PCRE2_SPTR>(translated.data()),
          translated.size(),
          PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C,
          &code,
          &place,
          context.get()),
      pcre2_code_free);
  MMI_CHECK(
      DataError,
      compiled != nullptr,
      "{}: the regular expression '{}' is invalid: {}",
      where,
      pattern,
      message(code));
  // Without machine code it is interpreted, which is right as well.
  pcre2_jit_compile(compiled.get(), PCRE2_JIT_COMPLETE);
  code_ = compiled;
}

void Regex::find_all(
    std::string_view piece, std::uint32_t offset, std::vector<Range>& found) const {
  Workspace& workspace = Workspace::here();
  const auto* code = static_cast<const pcre2_code*>(code_.get());
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(piece.data());
  const PCRE2_SIZE* place = pcre2_get_ovector_pointer(workspace.data());
  std::size_t at = 0;
  std::size_t last_end = piece.size() + 1;
  while (at <= piece.size()) {
    const int result = pcre2_match(
        code, subject, piece.size(), at, PCRE2_NO_UTF_CHECK, workspace.data(), workspace.context());
    if (result == PCRE2_ERROR_NOMATCH) {
      return;
    }
    MMI_CHECK(
        DataError,
        result >= 0,
        "{}: the regular expression gives up on a text: {}",
        where_,
        message(result));
    const std::size_t begin = place[0];
    const std::size_t end = place[1];
    MMI_CHECK(DataError, begin <= end, "{}: the regular expression ends before it begins", where_);
    // An empty match right behind another one is none.
    if (begin != end || end != last_end) {
      found.push_back(
          {offset + static_cast<std::uint32_t>(begin), offset + static_cast<std::uint32_t>(end)});
      last_end = end;
    }
    at = end;
    if (begin == end) {
      if (at == piece.size()) {
        return;
      }
      next_char(piece, at);
    }
  }
}

}  // namespace mmi::text
