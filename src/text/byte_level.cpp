#include "text/byte_level.h"

#include <array>
#include <cstring>

#include "text/utf8.h"

namespace mmi::text {
namespace {

struct Tables {
  std::array<char32_t, 256> chars{};
  std::array<int, 0x144> bytes{};
  std::array<std::array<char, 2>, 256> spelled{};
  std::array<unsigned char, 256> length{};

  Tables() {
    bytes.fill(-1);
    char32_t next = 0x100;
    for (int byte = 0; byte < 256; ++byte) {
      const bool visible =
          (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
      const char32_t c = visible ? static_cast<char32_t>(byte) : next++;
      chars[byte] = c;
      bytes[c] = byte;
      std::string text;
      append_char(text, c);
      std::memcpy(spelled[byte].data(), text.data(), text.size());
      length[byte] = static_cast<unsigned char>(text.size());
    }
  }
};

const Tables& tables() {
  static const Tables all;
  return all;
}

}  // namespace

char32_t char_of_byte(unsigned char byte) {
  return tables().chars[byte];
}

int byte_of_char(char32_t c) {
  const Tables& all = tables();
  return c < all.bytes.size() ? all.bytes[c] : -1;
}

void append_spelled(std::string& out, std::string_view bytes) {
  const Tables& all = tables();
  const std::size_t start = out.size();
  out.resize(start + 2 * bytes.size());
  char* to = out.data() + start;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    to[0] = all.spelled[byte][0];
    to[1] = all.spelled[byte][1];
    to += all.length[byte];
  }
  out.resize(static_cast<std::size_t>(to - out.data()));
}

void append_bytes(std::string& out, std::string_view token) {
  const std::size_t start = out.size();
  for (std::size_t at = 0; at < token.size();) {
    const int byte = byte_of_char(next_char(token, at));
    if (byte < 0) {
      out.resize(start);
      out.append(token);
      return;
    }
    out.push_back(static_cast<char>(byte));
  }
}

}  // namespace mmi::text
