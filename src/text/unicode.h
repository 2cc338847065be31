#pragma once

#include <string>

namespace mmi::text {

// Properties of characters, as Unicode's files say (ICU).
bool is_space(char32_t c);        ///< White_Space
bool is_number(char32_t c);       ///< categories Nd, Nl, No
bool is_punctuation(char32_t c);  ///< categories P, and all of ASCII's signs
bool is_word(char32_t c);  ///< \w of Unicode's regular expressions: letters, marks, digits, _
bool is_mark(char32_t c);  ///< categories Mn, Mc, Me
bool is_nonspacing_mark(char32_t c);  ///< category Mn
bool is_other(char32_t c);            ///< control, format, private use

/// Appends the lower case of one character, whatever its neighbours (no final sigma).
void append_lower(std::string& text, char32_t c);

enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };

/// `text` is valid UTF-8.
void normalize(NormalForm form, std::string& text);

}  // namespace mmi::text
