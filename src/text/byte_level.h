#pragma once

#include <string>
#include <string_view>

namespace mmi::text {

/// Byte-level vocabularies spell each byte as one visible character: the printable ones of Latin-1
/// as themselves, the others from U+0100 on ("Ġ" is the space). Both directions.
char32_t char_of_byte(unsigned char byte);

/// -1 for a character that stands for no byte.
int byte_of_char(char32_t c);

/// Appends the spelling of the bytes.
void append_spelled(std::string& out, std::string_view bytes);

/// Appends the bytes of a token; a token with a character that stands for no byte as it is.
void append_bytes(std::string& out, std::string_view token);

}  // namespace mmi::text
