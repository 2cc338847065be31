#include "mmi/models/codec/sounds.h"

#include <algorithm>

#include "mmi/base/errors.h"

MMI_DEFINE_REGISTRY(mmi::models::codec::Sounds)

namespace mmi::models::codec {
namespace {

constexpr double kFullScale = 32768;

}  // namespace

MemorySound::MemorySound(std::string name, const torch::Tensor& samples) : name_(std::move(name)) {
  MMI_CHECK(ShapeError, samples.dim() == 1, "a sound must be (N), not {}", samples.sizes().vec());
  samples_ = (samples * kFullScale).round_().clamp_(-kFullScale, kFullScale - 1).to(torch::kInt16);
}

torch::Tensor MemorySound::read(std::int64_t begin, std::int64_t count) const {
  torch::Tensor out = torch::zeros({count});
  const std::int64_t from = std::max<std::int64_t>(begin, 0);
  const std::int64_t to = std::min(begin + count, samples());
  if (from < to) {
    out.slice(0, from - begin, to - begin).copy_(samples_.slice(0, from, to)).div_(kFullScale);
  }
  return out;
}

}  // namespace mmi::models::codec
