#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "mmi/base/api.h"

/// Linear layers on a CPU for few rows of activations, as when a language model writes token by
/// token: weights of float32, or stored small (bf16, int8), are read once at the pace of memory.
/// Activations and sums are float32, so that bf16 weights lose nothing but their rounding, and
/// processors without bf16 instructions are as fast. Results don't depend on the number of threads.
namespace mmi::nn {

/// What the inner loops are compiled for.
enum class InstructionSet { kPlain, kAvx2, kAvx512 };

/// Those that this processor has, the widest last.
MMI_API std::vector<InstructionSet> instruction_sets();

/// Up to so many rows of activations the weights are read once and multiplied as they come (one
/// row's result then doesn't depend on the others); with more, panels of them are unpacked and
/// torch multiplies.
inline constexpr std::int64_t kFewRows = 8;

/// at::linear; where nothing needs a gradient and x has few rows of float32 on a CPU, the weights
/// are read once at the pace of memory.
MMI_API torch::Tensor linear_float(
    const torch::Tensor& x,
    const torch::Tensor& weight,
    const torch::Tensor& bias = {},
    std::optional<InstructionSet> instructions = {});

/// x (...,in) float32, weight (out,in) bfloat16, bias (out) of any float type or undefined ->
/// (...,out) float32. The weight gets no gradient. ShapeError where sizes or types don't fit.
/// `instructions`: for comparisons; the widest that there are.
MMI_API torch::Tensor linear_bf16(
    const torch::Tensor& x,
    const torch::Tensor& weight,
    const torch::Tensor& bias = {},
    std::optional<InstructionSet> instructions = {});

/// Weights in a row that have one scale.
inline constexpr std::int64_t kInt8Group = 128;

/// weight ~ values * scales, symmetric around zero.
struct Int8Weight {
  torch::Tensor values;  ///< (out,in) int8 in [-127, 127]
  torch::Tensor scales;  ///< (out, ceil(in / 128)) float32: largest magnitude of the group / 127
};

/// Of a weight (out,in) of any float type, rounded to nearest: off by at most half a scale, which
/// is 1/254 of the largest magnitude among 128 neighbours. Needs little memory besides the result.
/// NumericError where a weight is not finite.
MMI_API Int8Weight quantize_int8(const torch::Tensor& weight);

/// (out,in) float32.
MMI_API torch::Tensor dequantize_int8(const torch::Tensor& values, const torch::Tensor& scales);

/// linear_bf16 with what quantize_int8 gives.
MMI_API torch::Tensor linear_int8(
    const torch::Tensor& x,
    const torch::Tensor& values,
    const torch::Tensor& scales,
    const torch::Tensor& bias = {},
    std::optional<InstructionSet> instructions = {});

}  // namespace mmi::nn
