#include "mmi/nn/decoding/patterns.h"

#include <torch/torch.h>

#include <algorithm>

#include "mmi/base/errors.h"

namespace mmi::nn::decoding {

CodebookPattern::CodebookPattern(PatternKind kind, std::int64_t codebooks)
    : kind_(kind), codebooks_(codebooks) {
  MMI_CHECK(ConfigError, codebooks >= 1, "a pattern needs codebooks, but has {}", codebooks);
}

std::int64_t CodebookPattern::steps(std::int64_t frames) const {
  switch (kind_) {
    case PatternKind::kFlatten:
      return codebooks_ * frames;
    case PatternKind::kDelay:
      return frames == 0 ? 0 : frames + codebooks_ - 1;
    case PatternKind::kParallel:
      return frames;
  }
  MMI_ASSERT(false);
}

std::int64_t CodebookPattern::column_of(std::int64_t t, std::int64_t k) const {
  switch (kind_) {
    case PatternKind::kFlatten:
      return 1 + t * codebooks_ + k;
    case PatternKind::kDelay:
      return 1 + t + k;
    case PatternKind::kParallel:
      return 1 + t;
  }
  MMI_ASSERT(false);
}

std::int64_t CodebookPattern::frame_at(std::int64_t s, std::int64_t k, std::int64_t frames) const {
  std::int64_t t = -1;
  switch (kind_) {
    case PatternKind::kFlatten:
      t = s >= 1 && (s - 1) % codebooks_ == k ? (s - 1) / codebooks_ : -1;
      break;
    case PatternKind::kDelay:
      t = s - 1 - k;
      break;
    case PatternKind::kParallel:
      t = s - 1;
      break;
  }
  return t >= 0 && t < frames ? t : -1;
}

std::int64_t CodebookPattern::complete_frames(std::int64_t column) const {
  const std::int64_t written = std::max<std::int64_t>(0, column - 1);
  switch (kind_) {
    case PatternKind::kFlatten:
      return written / codebooks_;
    case PatternKind::kDelay:
      return std::max<std::int64_t>(0, written - codebooks_ + 1);
    case PatternKind::kParallel:
      return written;
  }
  MMI_ASSERT(false);
}

torch::Tensor CodebookPattern::columns(std::int64_t frames) const {
  torch::Tensor index = torch::empty({codebooks_, frames}, torch::kLong);
  auto* value = index.mutable_data_ptr<std::int64_t>();
  for (std::int64_t k = 0; k < codebooks_; ++k) {
    for (std::int64_t t = 0; t < frames; ++t) {
      *value++ = column_of(t, k);
    }
  }
  return index;
}

torch::Tensor CodebookPattern::weave(const torch::Tensor& codes, std::int64_t special) const {
  MMI_CHECK(
      ShapeError,
      codes.dim() == 3 && codes.size(1) == codebooks_ && codes.scalar_type() == torch::kLong,
      "codes must be (B,{},T) int64, but are {}",
      codebooks_,
      codes.sizes().vec());
  const auto frames = codes.size(2);
  const auto index = columns(frames).to(codes.device()).unsqueeze(0).expand_as(codes);
  return torch::full({codes.size(0), codebooks_, 1 + steps(frames)}, special, codes.options())
      .scatter_(2, index, codes);
}

torch::Tensor CodebookPattern::unweave(const torch::Tensor& sequence, std::int64_t frames) const {
  MMI_CHECK(
      ShapeError,
      sequence.dim() == 3 && sequence.size(1) == codebooks_ &&
          sequence.size(2) >= 1 + steps(frames),
      "the sequence of {} frames must be (B,{},{}), but is {}",
      frames,
      codebooks_,
      1 + steps(frames),
      sequence.sizes().vec());
  const auto index = columns(frames).to(sequence.device()).unsqueeze(0);
  return sequence.gather(2, index.expand({sequence.size(0), codebooks_, frames}));
}

torch::Tensor CodebookPattern::occupied(std::int64_t frames) const {
  return torch::zeros({codebooks_, 1 + steps(frames)}, torch::kBool)
      .scatter_(1, columns(frames), true);
}

}  // namespace mmi::nn::decoding
