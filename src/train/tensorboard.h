#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mmi::train {

/// Records of a TensorBoard event file: u64 length, masked CRC-32C of it, a tensorflow.Event
/// message, masked CRC-32C of that; all little-endian.

/// The first record of a file.
std::string tensorboard_header(double wall_time);

/// One event with scalar summaries ("valid/f1").
std::string tensorboard_scalars(
    double wall_time,
    std::int64_t step,
    const std::vector<std::pair<std::string, double>>& scalars);

}  // namespace mmi::train
