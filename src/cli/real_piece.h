#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "mmi/worlds/piano/piece.h"

namespace mmi::cli {

/// A real composition, J. S. Bach's invention BWV 772, as a silent clip with its truth.
struct RealPiece {
  worlds::piano::Piece piece;
  std::filesystem::path clip;   ///< <out>/bwv772_silent.mp4
  std::filesystem::path truth;  ///< <out>/bwv772_truth.mid, what is heard
};

/// Plays and films it. `studio`: the camera seed that the networks have watched, if they know only
/// one.
RealPiece film_real_piece(const std::filesystem::path& out, std::optional<std::uint64_t> studio);

}  // namespace mmi::cli
