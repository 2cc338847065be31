#include "text/utf8.h"

#include <algorithm>
#include <cstring>

#include "mmi/base/errors.h"

namespace mmi::text {
namespace {

/// Bytes of the character at `at`, or, if it is damaged, minus the bytes of its sound beginning (at
/// least one).
int char_bytes(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  if (first < 0x80) {
    return 1;
  }
  const int length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4) {
    return -1;
  }
  // The second byte is narrower where a longer form or a surrogate would begin.
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
  if (first == 0xE0) {
    low = 0xA0;
  } else if (first == 0xED) {
    high = 0x9F;
  } else if (first == 0xF0) {
    low = 0x90;
  } else if (first == 0xF4) {
    high = 0x8F;
  }
  for (int i = 1; i < length; ++i) {
    if (at + i >= text.size() || byte(at + i) < low || byte(at + i) > high) {
      return -i;
    }
    low = 0x80;
    high = 0xBF;
  }
  return length;
}

/// How many bytes from `at` on are ASCII, counted by eights.
std::size_t skip_ascii(std::string_view text, std::size_t at) {
  while (at + 8 <= text.size()) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, text.data() + at, 8);
    if ((eight & 0x8080808080808080ULL) != 0) {
      break;
    }
    at += 8;
  }
  return at;
}

}  // namespace

void append_char(std::string& text, char32_t c) {
  if (c < 0x80) {
    text.push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    text.push_back(static_cast<char>(0xC0 | (c >> 6)));
    text.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else if (c < 0x10000) {
    text.push_back(static_cast<char>(0xE0 | (c >> 12)));
    text.push_back(static_cast<char>(0x80 | ((c >> 6) & 0x3F)));
    text.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else {
    text.push_back(static_cast<char>(0xF0 | (c >> 18)));
    text.push_back(static_cast<char>(0x80 | ((c >> 12) & 0x3F)));
    text.push_back(static_cast<char>(0x80 | ((c >> 6) & 0x3F)));
    text.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  }
}

std::size_t first_bad_byte(std::string_view text) {
  for (std::size_t at = skip_ascii(text, 0); at < text.size(); at = skip_ascii(text, at)) {
    const int length = char_bytes(text, at);
    if (length < 0) {
      return at;
    }
    at += static_cast<std::size_t>(length);
  }
  return std::string_view::npos;
}

std::string replace_bad_bytes(std::string_view bytes) {
  if (first_bad_byte(bytes) == std::string_view::npos) {
    return std::string(bytes);
  }
  std::string text;
  for (std::size_t at = 0; at < bytes.size();) {
    const int length = char_bytes(bytes, at);
    if (length > 0) {
      text.append(bytes.substr(at, static_cast<std::size_t>(length)));
      at += static_cast<std::size_t>(length);
    } else {
      append_char(text, 0xFFFD);
      at += static_cast<std::size_t>(-length);
    }
  }
  return text;
}

bool is_ascii(std::string_view text) {
  const std::size_t at = skip_ascii(text, 0);
  return std::all_of(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x80;
  });
}

std::size_t count_chars(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80;
  }));
}

void check_utf8(std::string_view text, const char* what) {
  const std::size_t bad = first_bad_byte(text);
  MMI_CHECK(
      DataError,
      bad == std::string_view::npos,
      "{} is not UTF-8: byte {} has the value {}",
      what,
      bad,
      static_cast<int>(static_cast<unsigned char>(text[bad])));
}

}  // namespace mmi::text
