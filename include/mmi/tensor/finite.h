#pragma once

#include <torch/types.h>

#include <cstdint>

namespace mmi {

/// True when every exponent is that of a number.
template <class Bits>
bool all_finite(const Bits* values, std::int64_t count, Bits exponent) {
  Bits found = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    found |= static_cast<Bits>((values[i] & exponent) == exponent);
  }
  return found == 0;
}

/// Of `count` numbers at `data`.
inline bool all_finite(const void* data, std::int64_t count, torch::ScalarType type) {
  switch (type) {
    case torch::kFloat32:
      return all_finite(static_cast<const std::uint32_t*>(data), count, 0x7F800000U);
    case torch::kFloat64:
      return all_finite(
          static_cast<const std::uint64_t*>(data), count, std::uint64_t{0x7FF0000000000000});
    default:
      return c10::isIntegralType(type, /*includeBool=*/true) ||
             torch::isfinite(torch::from_blob(const_cast<void*>(data), {count}, type))
                 .all()
                 .item<bool>();
  }
}

}  // namespace mmi
