#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/music/note.h"

namespace mmi::music {

/// A piano roll: (F, K) with frame f covering [f, f + 1) / fps and key k sounding the MIDI pitch
/// low_pitch + k. A note fills the frames floor(onset * fps) .. floor(offset * fps) - 1, at least
/// one; keys outside the range and frames outside 0..F-1 are left out.
struct RollConfig {
  double fps = 25;
  std::int64_t frames = 0;  ///< F; 0: as many as the last note needs
  int low_pitch = 21;       ///< A0
  int keys = 88;
  /// Notes lose their last frame (unless it is their only one), so that a key struck again at once
  /// shows a gap.
  bool end_one_frame_early = false;
};

/// Index of the frame that contains a time; a millionth of a frame guards frame borders against
/// rounding, so that times k / fps lie in frame k.
MMI_API std::int64_t frame_of(double time_s, double fps);

/// F for these notes when `cfg.frames` is 0.
MMI_API std::int64_t roll_frames(const Notes& notes, const RollConfig& cfg);

/// uint8 (F, K), 1 where a key sounds. Throws ConfigError for fps, keys or pitches out of range.
MMI_API torch::Tensor notes_to_roll(const Notes& notes, const RollConfig& cfg = {});

/// uint8 (F, K), 1 in the first frame of each note.
MMI_API torch::Tensor notes_to_onsets(const Notes& notes, const RollConfig& cfg = {});

/// notes_to_roll as rows of K bytes, for code without tensors.
MMI_API std::vector<std::uint8_t> notes_to_roll_bytes(
    const Notes& notes, const RollConfig& cfg = {});

/// Notes of a roll (spec ch. 3, §3.7): a note begins where a key turns on, ends where it turns off;
/// what is open at the end closes at F. Any numeric dtype: a value above 0.5 is on. `onsets`
/// (F, K), if defined, splits a held key where it turns on in the onset track, which shows keys
/// struck again without a gap. Sorted by (onset, pitch).
MMI_API Notes roll_to_notes(
    const torch::Tensor& roll,
    int low_pitch = 21,
    double fps = 25,
    int velocity = 100,
    const torch::Tensor& onsets = {});

}  // namespace mmi::music
