#pragma once

#include <torch/types.h>

#include <optional>

#include "mmi/base/api.h"
#include "mmi/io/dtype.h"

namespace mmi {

/// The element type a file stores for a tensor's; empty for types that files cannot hold (complex,
/// quantised).
MMI_API std::optional<io::DType> dtype_of(torch::ScalarType type);
MMI_API torch::ScalarType scalar_type_of(io::DType type);

/// The array as a CPU tensor in own memory, same element type.
MMI_API torch::Tensor to_tensor(const io::Array& array);

/// A copy of the tensor (any device, any strides), same element type. Throws ShapeError for types
/// that files cannot hold (complex, quantised).
MMI_API io::Array to_array(const torch::Tensor& tensor);

}  // namespace mmi
