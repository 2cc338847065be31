#include "mmi/music/roll.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <tuple>

#include "mmi/base/errors.h"

namespace mmi::music {
namespace {

struct Span {
  std::int64_t first;
  std::int64_t last;  // one past
};

Span frames_of_note(const Note& note, const RollConfig& cfg) {
  const std::int64_t first = frame_of(note.onset_s, cfg.fps);
  std::int64_t last = std::max(first + 1, frame_of(note.offset_s, cfg.fps));
  if (cfg.end_one_frame_early && last > first + 1) {
    --last;
  }
  return {first, last};
}

void check_config(const RollConfig& cfg) {
  MMI_CHECK(
      ConfigError,
      cfg.fps > 0 && cfg.frames >= 0 && cfg.keys >= 1 && cfg.low_pitch >= 0 &&
          cfg.low_pitch + cfg.keys <= 128,
      "a roll needs fps > 0, frames >= 0 and keys within the pitches 0..127, but fps is {}, frames "
      "{}, low_pitch {}, keys {}",
      cfg.fps,
      cfg.frames,
      cfg.low_pitch,
      cfg.keys);
}

std::vector<std::uint8_t> draw(const Notes& notes, const RollConfig& cfg, bool onsets_only) {
  check_config(cfg);
  const std::int64_t frames = roll_frames(notes, cfg);
  std::vector<std::uint8_t> roll(static_cast<std::size_t>(frames * cfg.keys), 0);
  for (const auto& note : notes) {
    const int key = note.pitch - cfg.low_pitch;
    if (key < 0 || key >= cfg.keys) {
      continue;
    }
    const Span span = frames_of_note(note, cfg);
    const std::int64_t last = std::min(frames, onsets_only ? span.first + 1 : span.last);
    for (std::int64_t f = std::max<std::int64_t>(0, span.first); f < last; ++f) {
      roll[static_cast<std::size_t>(f * cfg.keys + key)] = 1;
    }
  }
  return roll;
}

torch::Tensor to_tensor(const std::vector<std::uint8_t>& roll, int keys) {
  auto out = torch::empty({static_cast<std::int64_t>(roll.size()) / keys, keys}, torch::kUInt8);
  if (!roll.empty()) {
    std::memcpy(out.data_ptr(), roll.data(), roll.size());
  }
  return out;
}

torch::Tensor on_off(const torch::Tensor& roll) {
  return roll.detach().to(torch::kCPU).gt(0.5).contiguous();
}

}  // namespace

std::int64_t frame_of(double time_s, double fps) {
  return static_cast<std::int64_t>(std::floor(time_s * fps + 1e-6));
}

std::int64_t roll_frames(const Notes& notes, const RollConfig& cfg) {
  std::int64_t frames = cfg.frames;
  if (frames == 0) {
    for (const auto& note : notes) {
      frames = std::max(frames, frames_of_note(note, cfg).last);
    }
  }
  return frames;
}

torch::Tensor notes_to_roll(const Notes& notes, const RollConfig& cfg) {
  return to_tensor(draw(notes, cfg, false), cfg.keys);
}

torch::Tensor notes_to_onsets(const Notes& notes, const RollConfig& cfg) {
  return to_tensor(draw(notes, cfg, true), cfg.keys);
}

std::vector<std::uint8_t> notes_to_roll_bytes(const Notes& notes, const RollConfig& cfg) {
  return draw(notes, cfg, false);
}

Notes roll_to_notes(
    const torch::Tensor& roll,
    int low_pitch,
    double fps,
    int velocity,
    const torch::Tensor& onsets) {
  MMI_CHECK(
      ShapeError,
      roll.dim() == 2,
      "a roll must have shape [F, K], but has shape {}",
      roll.sizes().vec());
  MMI_CHECK(
      ShapeError,
      !onsets.defined() || onsets.sizes() == roll.sizes(),
      "the onset track must have the roll's shape {}, but has shape {}",
      roll.sizes().vec(),
      onsets.defined() ? onsets.sizes().vec() : std::vector<std::int64_t>{});
  const auto frames = roll.size(0);
  const auto keys = static_cast<int>(roll.size(1));
  check_config({fps, frames, low_pitch, std::max(keys, 1)});
  MMI_CHECK(
      ConfigError,
      velocity >= 1 && velocity <= 127,
      "a MIDI velocity lies in 1..127, but is {}",
      velocity);
  const auto on = on_off(roll);
  const auto struck = onsets.defined() ? on_off(onsets) : torch::Tensor();
  const bool* sounding = on.data_ptr<bool>();
  const bool* strike = struck.defined() ? struck.data_ptr<bool>() : nullptr;
  Notes notes;
  for (int key = 0; key < keys; ++key) {
    std::int64_t open = -1;
    for (std::int64_t f = 0; f <= frames; ++f) {
      const std::int64_t at = f * keys + key;
      const bool now = f < frames && sounding[at];
      const bool again = now && f > 0 && strike != nullptr && strike[at] && !strike[at - keys];
      if (open >= 0 && (!now || again)) {
        notes.push_back(
            {static_cast<double>(open) / fps,
             static_cast<double>(f) / fps,
             low_pitch + key,
             velocity});
        open = -1;
      }
      if (now && open < 0) {
        open = f;
      }
    }
  }
  std::sort(notes.begin(), notes.end(), [](const Note& a, const Note& b) {
    return std::tie(a.onset_s, a.pitch) < std::tie(b.onset_s, b.pitch);
  });
  return notes;
}

}  // namespace mmi::music
