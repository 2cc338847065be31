#include "mmi/io/dtype.h"

#include <array>
#include <bit>

#include "mmi/base/errors.h"

namespace mmi::io {

static_assert(std::endian::native == std::endian::little, "array files are little-endian");

namespace {

struct Row {
  DType dtype;
  std::string_view name;
  std::size_t size;
};

constexpr std::array<Row, 10> kRows{{
    {DType::kF64, "F64", 8},
    {DType::kF32, "F32", 4},
    {DType::kF16, "F16", 2},
    {DType::kBF16, "BF16", 2},
    {DType::kI64, "I64", 8},
    {DType::kI32, "I32", 4},
    {DType::kI16, "I16", 2},
    {DType::kI8, "I8", 1},
    {DType::kU8, "U8", 1},
    {DType::kBool, "BOOL", 1},
}};

const Row& row(DType dtype) {
  const auto index = static_cast<std::size_t>(dtype);
  MMI_ASSERT(index < kRows.size() && kRows[index].dtype == dtype);
  return kRows[index];
}

}  // namespace

std::size_t dtype_size(DType dtype) {
  return row(dtype).size;
}

std::string_view dtype_name(DType dtype) {
  return row(dtype).name;
}

std::optional<DType> dtype_from_name(std::string_view name) {
  for (const Row& candidate : kRows) {
    if (candidate.name == name) {
      return candidate.dtype;
    }
  }
  return std::nullopt;
}

std::optional<std::uint64_t> array_bytes(DType dtype, std::span<const std::int64_t> shape) {
  // An empty array is empty whatever its other sizes are, so they must not overflow first.
  bool empty = false;
  for (const std::int64_t size : shape) {
    if (size < 0) {
      return std::nullopt;
    }
    empty = empty || size == 0;
  }
  if (empty) {
    return 0;
  }
  auto total = static_cast<std::int64_t>(dtype_size(dtype));
  for (const std::int64_t size : shape) {
    if (__builtin_mul_overflow(total, size, &total)) {
      return std::nullopt;
    }
  }
  return static_cast<std::uint64_t>(total);
}

}  // namespace mmi::io
