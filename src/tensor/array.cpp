#include "mmi/tensor/array.h"

#include <cstring>
#include <utility>

#include "mmi/base/errors.h"

namespace mmi {
namespace {

constexpr std::pair<torch::ScalarType, io::DType> kTypes[] = {
    {torch::kFloat64, io::DType::kF64},
    {torch::kFloat32, io::DType::kF32},
    {torch::kFloat16, io::DType::kF16},
    {torch::kBFloat16, io::DType::kBF16},
    {torch::kInt64, io::DType::kI64},
    {torch::kInt32, io::DType::kI32},
    {torch::kInt16, io::DType::kI16},
    {torch::kInt8, io::DType::kI8},
    {torch::kUInt8, io::DType::kU8},
    {torch::kBool, io::DType::kBool},
};

}  // namespace

std::optional<io::DType> dtype_of(torch::ScalarType type) {
  for (const auto& [ours, theirs] : kTypes) {
    if (ours == type) {
      return theirs;
    }
  }
  return std::nullopt;
}

torch::ScalarType scalar_type_of(io::DType type) {
  for (const auto& [ours, theirs] : kTypes) {
    if (theirs == type) {
      return ours;
    }
  }
  MMI_ASSERT(false);
}

torch::Tensor to_tensor(const io::Array& array) {
  torch::Tensor tensor = torch::empty(array.shape, scalar_type_of(array.dtype));
  MMI_ASSERT(tensor.nbytes() == array.bytes.size());
  if (!array.bytes.empty()) {
    std::memcpy(tensor.mutable_data_ptr(), array.bytes.data(), array.bytes.size());
  }
  return tensor;
}

io::Array to_array(const torch::Tensor& tensor) {
  const torch::Tensor plain = tensor.detach().to(torch::kCPU).contiguous();
  const auto type = dtype_of(plain.scalar_type());
  MMI_CHECK(
      ShapeError,
      type.has_value(),
      "a tensor of type {} cannot be stored: convert it first",
      std::string(plain.dtype().name()));
  const auto* begin = static_cast<const std::uint8_t*>(plain.const_data_ptr());
  return {*type, plain.sizes().vec(), {begin, begin + plain.nbytes()}};
}

}  // namespace mmi
