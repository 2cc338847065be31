#include "mmi/models/audeo/recordings.h"

#include <algorithm>

#include "mmi/base/errors.h"

MMI_DEFINE_REGISTRY(mmi::models::audeo::Recordings)

namespace mmi::models::audeo {

namespace {

constexpr std::int64_t kEdge = 2;  // frames without a complete stack at each end

}  // namespace

torch::Tensor Recording::audio() const {
  throw DataError(name() + ": this recording has no sound");
}

std::array<std::int64_t, 5> stack_indices(std::int64_t t, std::int64_t frames) {
  if (t < kEdge) {
    return {t, t, t, std::min(t + 1, frames - 1), std::min(t + 2, frames - 1)};
  }
  if (t >= frames - kEdge) {
    return {t - 2, t - 1, t, t, t};
  }
  return {t - 2, t - 1, t, t + 1, t + 2};
}

torch::Tensor read_stack(
    const Recording& recording, std::int64_t t, std::int64_t height, std::int64_t width) {
  torch::Tensor stack = torch::empty({5, height, width}, torch::kUInt8);
  std::uint8_t* out = stack.mutable_data_ptr<std::uint8_t>();
  for (const std::int64_t index : stack_indices(t, recording.frames())) {
    recording.read(index, out);
    out += height * width;
  }
  return stack;
}

FrameStacks::FrameStacks(
    RecordingList recordings, KeyRange range, std::int64_t height, std::int64_t width)
    : recordings_(std::move(recordings)), range_(range), height_(height), width_(width) {
  std::int64_t count = 0;
  std::vector<torch::Tensor> labels;
  for (const auto& recording : recordings_) {
    MMI_CHECK(
        DataError,
        recording->frames() > 2 * kEdge,
        "{}: {} frames are too few; at least {} are needed",
        recording->name(),
        recording->frames(),
        2 * kEdge + 1);
    first_.push_back(count);
    count += recording->frames() - 2 * kEdge;
    labels.push_back(recording->labels()
                         .slice(0, kEdge, recording->frames() - kEdge)
                         .slice(1, range_.min_key, range_.max_key + 1));
  }
  MMI_CHECK(DataError, count > 0, "there is no recording to train on");
  first_.push_back(count);
  labels_ = torch::cat(labels).contiguous();
}

std::int64_t FrameStacks::size() const {
  return first_.back();
}

TensorDict FrameStacks::get(std::int64_t index, Rng& rng) const {
  const auto next = std::upper_bound(first_.begin(), first_.end(), index);
  const auto which = static_cast<std::size_t>(next - first_.begin() - 1);
  TensorDict example;
  example.set(
      "frames", read_stack(*recordings_[which], index - first_[which] + kEdge, height_, width_));
  example.set("keys", labels_[index]);
  return example;
}

std::string FrameStacks::fingerprint() const {
  std::string text;
  for (const auto& recording : recordings_) {
    text += recording->name() + ";";
  }
  return text;
}

torch::Tensor FrameStacks::labels() const {
  return labels_;
}

}  // namespace mmi::models::audeo
