#pragma once

#include <cstdint>

#include "mmi/nn/kernels/weight_only.h"

/// Inner loops over weights for a few rows of activations; raw pointers only.
namespace mmi::nn::kernels {

/// Rows of activations, `stride` values apart.
struct Rows {
  const float* data = nullptr;
  std::int64_t count = 0;
  std::int64_t stride = 0;
};

/// (out,in), rows `stride` values apart: floats, or bfloat16 as 16 bits.
template <class Value>
struct WeightRows {
  const Value* data = nullptr;
  std::int64_t stride = 0;
};

using FloatRows = WeightRows<float>;
using Bf16Rows = WeightRows<std::uint16_t>;

/// (out,in) and its scales (out, ceil(in / kInt8Group)), both without gaps.
struct Int8Rows {
  const std::int8_t* data = nullptr;
  const float* scales = nullptr;
};

/// Rows of the weight that are taken at a time where several share x; [from, to) is best a
/// multiple.
inline constexpr std::int64_t kBlockRows = 24;

/// y[m,n] = x[m,:] . weight[n,:] for n in [from, to) and all of x's `count` rows; y's rows are
/// `out` values apart. Weight: FloatRows, Bf16Rows or Int8Rows.
template <class Weight>
void thin_product(
    InstructionSet set,
    const Rows& x,
    const Weight& weight,
    std::int64_t in,
    std::int64_t from,
    std::int64_t to,
    float* y,
    std::int64_t out);

/// weight[rows, columns] as float32, without gaps.
struct Panel {
  std::int64_t first_row = 0;
  std::int64_t rows = 0;
  std::int64_t first_column = 0;
  std::int64_t columns = 0;
};

void unpack(InstructionSet set, const Bf16Rows& weight, const Panel& panel, float* to);

void unpack(
    InstructionSet set, const Int8Rows& weight, std::int64_t in, const Panel& panel, float* to);

}  // namespace mmi::nn::kernels
