#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "mmi/base/api.h"

namespace mmi::io {

/// Element types of stored arrays.
enum class DType { kF64, kF32, kF16, kBF16, kI64, kI32, kI16, kI8, kU8, kBool };

/// Bytes of one element.
MMI_API std::size_t dtype_size(DType dtype);

/// The safetensors name: "F32", "BOOL", ...
MMI_API std::string_view dtype_name(DType dtype);

/// Nothing for a name that is not one of ours.
MMI_API std::optional<DType> dtype_from_name(std::string_view name);

/// Bytes of an array of that shape; nothing if a size is negative or the product exceeds 63 bits.
MMI_API std::optional<std::uint64_t> array_bytes(DType dtype, std::span<const std::int64_t> shape);

/// An array in memory: row-major, little-endian, without padding.
struct Array {
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
  std::vector<std::uint8_t> bytes;

  bool operator==(const Array&) const = default;
};

}  // namespace mmi::io
