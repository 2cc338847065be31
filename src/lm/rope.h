#pragma once

#include <torch/types.h>

#include <cstdint>
#include <mutex>

#include "mmi/lm/config.h"

namespace mmi::lm {

/// Cosines and sines of rotary positions, float32 on the device that asks, made once and made
/// longer when longer texts come.
class RopeTable {
 public:
  RopeTable(const RopeConfig& config, std::int64_t head_dim, std::int64_t context);

  struct Rows {
    torch::Tensor cos;  ///< (N,head_dim / 2)
    torch::Tensor sin;
  };

  /// Of positions 0 ... N - 1 with N >= `positions`. Thread-safe.
  Rows rows(std::int64_t positions, torch::Device device);

 private:
  RopeConfig config_;
  std::int64_t head_dim_;
  std::int64_t context_;
  std::mutex mutex_;
  Rows rows_;
};

}  // namespace mmi::lm
