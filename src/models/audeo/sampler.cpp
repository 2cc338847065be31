#include "mmi/models/audeo/sampler.h"

#include <utility>

#include "mmi/base/errors.h"

namespace mmi::models::audeo {

BalancedSampler::BalancedSampler(const torch::Tensor& labels, const torch::Tensor& usable) {
  MMI_CHECK(
      ShapeError,
      labels.dim() == 2,
      "labels must be (F, K), but are {} instead",
      labels.sizes().vec());
  const torch::Tensor on = labels.ne(0).to(torch::kCPU).contiguous();
  const std::int64_t count = on.size(0);
  const std::int64_t keys = on.size(1);
  torch::Tensor allowed = torch::ones({count}, torch::kBool);
  if (usable.defined()) {
    MMI_CHECK(
        ShapeError,
        usable.dim() == 1 && usable.size(0) == count,
        "the mask of usable frames must be ({}), but is {} instead",
        count,
        usable.sizes().vec());
    allowed = usable.ne(0).to(torch::kCPU).contiguous();
  }
  const bool* cell = on.const_data_ptr<bool>();
  const bool* may = allowed.const_data_ptr<bool>();
  std::vector<std::vector<std::int64_t>> all(static_cast<std::size_t>(keys + 1));
  for (std::int64_t frame = 0; frame < count; ++frame) {
    bool silent = true;
    for (std::int64_t key = 0; key < keys; ++key, ++cell) {
      if (*cell && may[frame]) {
        all[static_cast<std::size_t>(key)].push_back(frame);
      }
      silent = silent && !*cell;
    }
    if (silent && may[frame]) {
      all.back().push_back(frame);
    }
  }
  for (auto& frames : all) {
    if (!frames.empty()) {
      frames_.push_back(std::move(frames));
    }
  }
  MMI_CHECK(
      DataError,
      !frames_.empty(),
      "none of the {} labelled frames can be drawn: give longer pieces",
      count);
}

std::int64_t BalancedSampler::draw(Rng& rng) const {
  const auto& frames = frames_[static_cast<std::size_t>(rng.integer(outcomes()))];
  return frames[static_cast<std::size_t>(rng.integer(static_cast<std::int64_t>(frames.size())))];
}

}  // namespace mmi::models::audeo
