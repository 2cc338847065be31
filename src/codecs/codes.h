#pragma once

#include <torch/types.h>

#include <cstdint>

namespace mmi::codecs {

/// ShapeError unless `codes` are (B, 1 to `levels`, T) int64, DataError unless all of them lie in
/// [0, `size`).
void check_codes(const torch::Tensor& codes, std::int64_t levels, std::int64_t size);

/// ShapeError unless `wave` is (B, `channels`, L) of floats.
void check_wave(const torch::Tensor& wave, std::int64_t channels);

}  // namespace mmi::codecs
