#include "codecs/codes.h"

#include <torch/torch.h>

#include "mmi/base/errors.h"

namespace mmi::codecs {

void check_codes(const torch::Tensor& codes, std::int64_t levels, std::int64_t size) {
  MMI_CHECK(
      ShapeError,
      codes.dim() == 3 && codes.size(1) >= 1 && codes.size(1) <= levels &&
          codes.scalar_type() == torch::kInt64,
      "codes for this codec are (B, 1 to {}, T) int64, not {} of {}",
      levels,
      codes.sizes().vec(),
      c10::toString(codes.scalar_type()));
  if (codes.numel() == 0) {
    return;  // a stream's piece may hold no frame
  }
  const auto [low, high] = codes.aminmax();
  MMI_CHECK(
      DataError,
      low.item<std::int64_t>() >= 0 && high.item<std::int64_t>() < size,
      "codes lie in [{}, {}], but this codec's in [0, {})",
      low.item<std::int64_t>(),
      high.item<std::int64_t>(),
      size);
}

void check_wave(const torch::Tensor& wave, std::int64_t channels) {
  MMI_CHECK(
      ShapeError,
      wave.dim() == 3 && wave.size(1) == channels && wave.is_floating_point(),
      "a waveform for this codec is (B, {}, L) of floats, not {} of {}",
      channels,
      wave.sizes().vec(),
      c10::toString(wave.scalar_type()));
}

}  // namespace mmi::codecs
