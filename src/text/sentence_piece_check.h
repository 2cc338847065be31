#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace mmi::text {

/// Reads a SentencePiece model byte by byte before the library sees it: the library's release in
/// Debian trusts what is in it (tries that lead outside of themselves, texts without an end).
/// Anything that no trainer writes is a `DataError`.
void check_sentence_piece(std::span<const std::uint8_t> bytes, const std::string& name);

}  // namespace mmi::text
