#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "mmi/base/api.h"

namespace mmi {

/// FNV-1a, 64 bits.
MMI_API std::uint64_t fnv1a64(std::string_view bytes, std::uint64_t seed = 0xCBF29CE484222325ULL);

/// The finaliser of splitmix64: a bijection that mixes all bits.
MMI_API std::uint64_t mix64(std::uint64_t x);

/// CRC-32 (IEEE 802.3, as in zip and PNG).
MMI_API std::uint32_t crc32(std::string_view bytes);

/// Lower-case hexadecimal, `digits` long.
MMI_API std::string hex(std::uint64_t value, int digits = 16);

}  // namespace mmi
