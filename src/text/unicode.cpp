#include "text/unicode.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/uniset.h>

#include "mmi/base/errors.h"
#include "text/utf8.h"

namespace mmi::text {
namespace {

// The published vocabularies were made, and are used, with tables of these versions of Unicode: a
// character that came later is none of its class.
constexpr int kCategories = 8;
constexpr int kNormalForms = 9;

bool in_category(char32_t c, std::uint32_t mask) {
  return (U_GET_GC_MASK(static_cast<UChar32>(c)) & mask) != 0;
}

/// Whether the character was in Unicode's version `major` already.
bool is_of(char32_t c, int major) {
  UVersionInfo age{};
  u_charAge(static_cast<UChar32>(c), age);
  return age[0] <= major;
}

/// The characters that normal forms may touch.
const icu::UnicodeSet& old_characters() {
  static const icu::UnicodeSet set = [] {
    UErrorCode status = U_ZERO_ERROR;
    icu::UnicodeSet made(
        icu::UnicodeString::fromUTF8(format("[:age={}.0:]", kNormalForms)), status);
    MMI_CHECK(NotBuiltError, U_SUCCESS(status), "ICU lacks its data: {}", u_errorName(status));
    made.freeze();
    return made;
  }();
  return set;
}

const icu::Normalizer2& whole_normalizer(NormalForm form) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* found = nullptr;
  switch (form) {
    case NormalForm::kNfc:
      found = icu::Normalizer2::getNFCInstance(status);
      break;
    case NormalForm::kNfd:
      found = icu::Normalizer2::getNFDInstance(status);
      break;
    case NormalForm::kNfkc:
      found = icu::Normalizer2::getNFKCInstance(status);
      break;
    case NormalForm::kNfkd:
      found = icu::Normalizer2::getNFKDInstance(status);
      break;
  }
  MMI_CHECK(
      NotBuiltError,
      U_SUCCESS(status) && found != nullptr,
      "ICU has no data for Unicode normalisation: {}",
      u_errorName(status));
  return *found;
}

}  // namespace

bool is_space(char32_t c) {
  return c < 0x80 ? c == ' ' || (c >= 9 && c <= 13) : u_isUWhiteSpace(static_cast<UChar32>(c)) != 0;
}

bool is_number(char32_t c) {
  return c < 0x80 ? c >= '0' && c <= '9' : in_category(c, U_GC_N_MASK);
}

bool is_punctuation(char32_t c) {
  if (c < 0x80) {
    return c > ' ' && c < 0x7F && !(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') &&
           !(c >= 'a' && c <= 'z');
  }
  // Of these two, the category has changed since.
  return (in_category(c, U_GC_P_MASK) || c == 0x166D || c == 0x111C9) && is_of(c, kCategories);
}

bool is_word(char32_t c) {
  if (c < 0x80) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  }
  return in_category(c, U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK) ||
         u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_ALPHABETIC) != 0 ||
         u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_JOIN_CONTROL) != 0;
}

bool is_mark(char32_t c) {
  if (c == 0x1CF2 || c == 0x1CF3 || c == 0x111C9) {
    return c != 0x111C9;  // their categories have changed since
  }
  return c >= 0x80 && in_category(c, U_GC_M_MASK) && is_of(c, kNormalForms);
}

bool is_nonspacing_mark(char32_t c) {
  return c >= 0x80 && in_category(c, U_GC_MN_MASK) && is_of(c, kCategories);
}

bool is_other(char32_t c) {
  return in_category(c, U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK) && is_of(c, kCategories);
}

void append_lower(std::string& text, char32_t c) {
  if (c < 0x80) {
    text.push_back(static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c));
  } else if (c == 0x130) {
    // The one character whose lower case has two.
    text += "i\xCC\x87";
  } else {
    append_char(text, static_cast<char32_t>(u_tolower(static_cast<UChar32>(c))));
  }
}

void normalize(NormalForm form, std::string& text) {
  if (is_ascii(text)) {
    return;
  }
  const icu::FilteredNormalizer2 engine(whole_normalizer(form), old_characters());
  UErrorCode status = U_ZERO_ERROR;
  const icu::StringPiece piece(text.data(), static_cast<std::int32_t>(text.size()));
  if (engine.isNormalizedUTF8(piece, status) && U_SUCCESS(status)) {
    return;
  }
  status = U_ZERO_ERROR;
  std::string out;
  out.reserve(text.size());
  icu::StringByteSink<std::string> sink(&out);
  engine.normalizeUTF8(0, piece, sink, nullptr, status);
  MMI_CHECK(DataError, U_SUCCESS(status), "ICU cannot normalise a text: {}", u_errorName(status));
  text = std::move(out);
}

}  // namespace mmi::text
