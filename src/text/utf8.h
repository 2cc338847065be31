#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mmi::text {

/// The character at `at` of valid UTF-8; `at` moves behind it.
inline char32_t next_char(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  if (first < 0x80) {
    ++at;
    return first;
  }
  if (first < 0xE0) {
    at += 2;
    return ((first & 0x1FU) << 6) | (byte(at - 1) & 0x3FU);
  }
  if (first < 0xF0) {
    at += 3;
    return ((first & 0x0FU) << 12) | ((byte(at - 2) & 0x3FU) << 6) | (byte(at - 1) & 0x3FU);
  }
  at += 4;
  return ((first & 0x07U) << 18) | ((byte(at - 3) & 0x3FU) << 12) | ((byte(at - 2) & 0x3FU) << 6) |
         (byte(at - 1) & 0x3FU);
}

/// The character that ends before `at`; `at` moves to its first byte.
inline char32_t previous_char(std::string_view text, std::size_t& at) {
  do {
    --at;
  } while ((static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80);
  std::size_t after = at;
  return next_char(text, after);
}

void append_char(std::string& text, char32_t c);

/// The place of the first byte that is no UTF-8, or npos.
std::size_t first_bad_byte(std::string_view text);

/// Each longest piece that begins a character but does not complete it becomes one U+FFFD.
std::string replace_bad_bytes(std::string_view bytes);

bool is_ascii(std::string_view text);

std::size_t count_chars(std::string_view text);

/// `DataError` that says where.
void check_utf8(std::string_view text, const char* what);

}  // namespace mmi::text
