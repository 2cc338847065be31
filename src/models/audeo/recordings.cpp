#include "mmi/models/audeo/recordings.h"

#include <algorithm>

#include "mmi/base/errors.h"

MMI_DEFINE_REGISTRY(mmi::models::audeo::Recordings)

namespace mmi::models::audeo {

torch::Tensor Recording::audio() const {
  throw DataError(name() + ": this recording has no sound");
}

std::vector<std::int64_t> stack_indices(std::int64_t t, std::int64_t frames, std::int64_t count) {
  const std::int64_t half = count / 2;
  std::vector<std::int64_t> indices;
  for (std::int64_t offset = -half; offset <= half; ++offset) {
    const bool missing =
        (offset < 0 && t < half) || (offset > 0 && t >= half && t >= frames - half);
    indices.push_back(missing ? t : std::min(t + offset, frames - 1));
  }
  return indices;
}

torch::Tensor read_stack(const Recording& recording, std::int64_t t, const StackShape& shape) {
  torch::Tensor stack = torch::empty({shape.frames, shape.height, shape.width}, torch::kUInt8);
  std::uint8_t* out = stack.mutable_data_ptr<std::uint8_t>();
  for (const std::int64_t index : stack_indices(t, recording.frames(), shape.frames)) {
    recording.read(index, out);
    out += shape.height * shape.width;
  }
  return stack;
}

FrameStacks::FrameStacks(RecordingList recordings, KeyRange range, const StackShape& shape)
    : recordings_(std::move(recordings)), range_(range), shape_(shape) {
  const std::int64_t edge = shape.frames / 2;  // frames without a complete stack at each end
  std::int64_t count = 0;
  std::vector<torch::Tensor> labels;
  for (const auto& recording : recordings_) {
    MMI_CHECK(
        DataError,
        recording->frames() > 2 * edge,
        "{}: {} frames are too few; at least {} are needed",
        recording->name(),
        recording->frames(),
        2 * edge + 1);
    first_.push_back(count);
    count += recording->frames() - 2 * edge;
    labels.push_back(recording->labels()
                         .slice(0, edge, recording->frames() - edge)
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
      "frames", read_stack(*recordings_[which], index - first_[which] + shape_.frames / 2, shape_));
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
