#pragma once

#include <torch/types.h>

#include <cstdint>

#include "mmi/base/api.h"
#include "mmi/music/note.h"

namespace mmi::models::audeo {

/// Training target of the transcriber in the published coding.
struct NoteLabels {
  torch::Tensor label;     ///< (T,88) uint8: 3 onset, 2 sounding after it, 1 offset, 0 all else
  torch::Tensor velocity;  ///< (T,88) uint8: MIDI velocity while a note sounds
};

/// Frames first_frame .. first_frame + frames - 1 (32 ms each, key 0 = MIDI 21). A note begins in
/// the frame nearest to its onset and lasts at least that one. Notes of other keys are left out.
MMI_API NoteLabels
note_labels(const music::Notes& notes, std::int64_t first_frame, std::int64_t frames);

/// Published decoding: a note begins where the onset probability rises above its threshold and
/// lasts while onset or frame probability is above theirs; velocity is the mean over its onset
/// frames. A key struck again ends its note. All (T,K) float; velocity is MIDI velocity / 128.
/// Key 0 is MIDI 21. Sorted by (onset, pitch).
MMI_API music::Notes decode_notes(
    const torch::Tensor& onset,
    const torch::Tensor& frame,
    const torch::Tensor& velocity,
    double onset_threshold = 0.5,
    double frame_threshold = 0.5);

}  // namespace mmi::models::audeo
