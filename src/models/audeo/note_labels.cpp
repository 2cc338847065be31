#include "mmi/models/audeo/note_labels.h"

#include <algorithm>
#include <cmath>

#include "mmi/base/errors.h"
#include "mmi/models/audeo/onsets_frames.h"
#include "mmi/models/audeo/recordings.h"

namespace mmi::models::audeo {
namespace {

constexpr float kVelocityScale = 128;

std::int64_t nearest_frame(double seconds) {
  return std::llround(seconds * kSoundFps);
}

}  // namespace

NoteLabels note_labels(const music::Notes& notes, std::int64_t first_frame, std::int64_t frames) {
  NoteLabels made{
      torch::zeros({frames, kPianoKeys}, torch::kUInt8),
      torch::zeros({frames, kPianoKeys}, torch::kUInt8)};
  auto label = made.label.accessor<std::uint8_t, 2>();
  auto velocity = made.velocity.accessor<std::uint8_t, 2>();
  for (const music::Note& note : notes) {
    const std::int64_t key = note.pitch - kLowestPitch;
    const std::int64_t begin = nearest_frame(note.onset_s) - first_frame;
    // Published: a note shorter than half a frame loses its onset to its offset.
    const std::int64_t end = std::max(begin + 1, nearest_frame(note.offset_s) - first_frame);
    if (key < 0 || key >= kPianoKeys || begin >= frames || end < 0) {
      continue;
    }
    for (std::int64_t t = std::max<std::int64_t>(begin, 0); t < std::min(end, frames); ++t) {
      label[t][key] = t == begin ? 3 : 2;
      velocity[t][key] = static_cast<std::uint8_t>(note.velocity);
    }
    if (end < frames) {
      label[end][key] = 1;
    }
  }
  return made;
}

music::Notes decode_notes(
    const torch::Tensor& onset,
    const torch::Tensor& frame,
    const torch::Tensor& velocity,
    double onset_threshold,
    double frame_threshold) {
  MMI_CHECK(
      ShapeError,
      onset.dim() == 2 && frame.sizes() == onset.sizes() && velocity.sizes() == onset.sizes(),
      "onset, frame and velocity must be (T, K) of one shape, but are {}, {} and {}",
      onset.sizes().vec(),
      frame.sizes().vec(),
      velocity.sizes().vec());
  const torch::Tensor struck = onset.gt(onset_threshold).to(torch::kCPU).contiguous();
  const torch::Tensor sounding =
      struck.logical_or(frame.gt(frame_threshold).to(torch::kCPU)).contiguous();
  const torch::Tensor force = velocity.to(torch::kCPU, torch::kFloat32).contiguous();
  const auto on = struck.accessor<bool, 2>();
  const auto held = sounding.accessor<bool, 2>();
  const auto level = force.accessor<float, 2>();
  const std::int64_t frames = onset.size(0);
  const auto rises = [&](std::int64_t t, std::int64_t key) {
    return on[t][key] && (t == 0 || !on[t - 1][key]);
  };
  music::Notes notes;
  for (std::int64_t begin = 0; begin < frames; ++begin) {
    for (std::int64_t key = 0; key < onset.size(1); ++key) {
      if (!rises(begin, key)) {
        continue;
      }
      float sum = 0;
      int count = 0;
      std::int64_t end = begin;
      for (; end < frames && held[end][key] && (end == begin || !rises(end, key)); ++end) {
        if (on[end][key]) {
          sum += level[end][key];
          ++count;
        }
      }
      const long midi = std::lround(sum / static_cast<float>(count) * kVelocityScale);
      notes.push_back(
          {static_cast<double>(begin) / kSoundFps,
           static_cast<double>(end) / kSoundFps,
           kLowestPitch + static_cast<int>(key),
           static_cast<int>(std::clamp(midi, 1L, 127L))});
    }
  }
  return notes;
}

}  // namespace mmi::models::audeo
