#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>

#include "mmi/base/api.h"
#include "mmi/models/audeo/recordings.h"
#include "mmi/music/note.h"
#include "mmi/worlds/piano/piece.h"

/// Pieces of the piano world as files and rolls.
namespace mmi::models::audeo {

/// Renders a piece at 900x100 into an MP4 without sound.
MMI_API void write_clip(const worlds::piano::Piece& piece, const std::filesystem::path& path);

struct TruthRolls {
  torch::Tensor heard;  ///< pseudo ground truth, (F,88) uint8
  torch::Tensor held;   ///< what the fingers hold, (F,88) uint8
};

/// Both rolls of a piece, cut or padded with silence to `frames`.
MMI_API TruthRolls truth_rolls(const worlds::piano::Piece& piece, std::int64_t frames);

/// The pseudo ground truth as notes.
MMI_API music::Notes heard_notes(const worlds::piano::Piece& piece);

/// Camera seed that all pieces of a `piano_world` with `one_studio` share; empty for other
/// recordings.
MMI_API std::optional<std::uint64_t> studio_seed(const config::Component<Recordings>& recordings);

/// Writes recordings in the published layout: "train" and "valid" into training/, "test" into
/// testing/, JPEG stills of `height` x `width`, sound, labels, 50-frame rolls.
MMI_API void write_layout(
    const Recordings& recordings,
    std::int64_t height,
    std::int64_t width,
    const std::filesystem::path& out);

}  // namespace mmi::models::audeo
