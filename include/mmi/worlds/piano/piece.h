#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/music/note.h"
#include "mmi/worlds/piano/composition.h"
#include "mmi/worlds/piano/hands.h"
#include "mmi/worlds/piano/performance.h"
#include "mmi/worlds/piano/truth.h"

namespace mmi::worlds::piano {

enum class Difficulty { kHard, kEasy };

/// Everything a piece is a function of.
struct PieceSpec {
  std::string name;
  std::string split;  ///< train, val, test, unseen or variant
  Style style = Style::kCounterpoint;
  std::uint64_t composition_seed = 1;
  std::uint64_t performance_seed = 1;  ///< also fingers and pseudo ground truth
  std::uint64_t camera_seed = 1;       ///< also light, skin and keyboard
  double duration_s = 60;              ///< length of the score at base tempo
  PerformOptions perform;
  Difficulty difficulty = Difficulty::kHard;
  bool shift = false;  ///< camera, light and skin from the shifted distribution
};

/// A played piece with its ground truth. Rolls are (F,88) uint8, row-major, index 0 = MIDI 21,
/// frame f covers [f, f + 1) / 25 s.
struct Piece {
  PieceSpec spec;
  std::int64_t frames = 0;
  std::shared_ptr<const HandsPlan> hands;
  music::Notes notes;                ///< as played, after what two hands can hold
  std::vector<std::uint8_t> vision;  ///< V: what the fingers hold, 0 or 1
  std::vector<std::uint8_t> pseudo;  ///< P: what a transcriber hears, 0 or 1
  std::vector<std::uint8_t> hidden;  ///< where V: covered share of the key's visual cue, 0..255

  double duration_s() const {
    return static_cast<double>(frames) / 25.0;
  }
};

/// Share of the cue from which a pressed key counts as fully hidden, in units of `Piece::hidden`.
inline constexpr int kFullyHidden = 217;  // 85 %

MMI_API Piece make_piece(const PieceSpec& spec);

/// The same path for a real composition: `score` replaces the composed notes; style,
/// composition_seed and duration_s are ignored.
MMI_API Piece make_piece(const music::Notes& score, const PieceSpec& spec);

struct SplitCounts {
  int train = 12;
  int val = 2;
  int test = 3;
  int variant =
      4;  ///< train compositions played again: other performance and camera, tempo, ornaments
  int unseen = 4;  ///< styles stride and hymn
};

/// Specs of a world, train first. Seeds of composition, performance and camera are disjoint between
/// splits, except that variants share the compositions of train pieces (specs/ch03 §8.1). Train,
/// val and test pieces alternate counterpoint and arpeggio 3 : 1.
MMI_API std::vector<PieceSpec> list_pieces(
    std::uint64_t world_seed,
    const SplitCounts& counts,
    double duration_s = 60,
    Difficulty difficulty = Difficulty::kHard);

/// Version of the world's parameters; a change that alters any picture or roll is a new version.
MMI_API std::string world_version();

/// Hash of pictures, rolls and notes of a few fixed pieces: 16 hexadecimal digits that pin
/// everything that world_version() names.
MMI_API std::string world_hash();

}  // namespace mmi::worlds::piano
