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

torch::Tensor to_tensor(const io::Array& array) {
  for (const auto& [torch_type, type] : kTypes) {
    if (array.dtype == type) {
      torch::Tensor tensor = torch::empty(array.shape, torch_type);
      MMI_ASSERT(tensor.nbytes() == array.bytes.size());
      if (!array.bytes.empty()) {
        std::memcpy(tensor.mutable_data_ptr(), array.bytes.data(), array.bytes.size());
      }
      return tensor;
    }
  }
  MMI_ASSERT(false);
}

io::Array to_array(const torch::Tensor& tensor) {
  const torch::Tensor plain = tensor.detach().to(torch::kCPU).contiguous();
  for (const auto& [torch_type, type] : kTypes) {
    if (plain.scalar_type() == torch_type) {
      const auto* begin = static_cast<const std::uint8_t*>(plain.const_data_ptr());
      return {type, plain.sizes().vec(), {begin, begin + plain.nbytes()}};
    }
  }
  MMI_CHECK(
      ShapeError,
      false,
      "a tensor of type {} cannot be stored: convert it first",
      std::string(plain.dtype().name()));
  return {};
}

}  // namespace mmi
