#include "cli/real_piece.h"

#include "mmi/models/audeo/clip.h"
#include "mmi/music/midi.h"
#include "mmi/music/score.h"
#include "mmi/runs/config.h"

namespace mmi::cli {
namespace {

constexpr const char* kPiece = "audeo/pieces/bwv772.yaml";
constexpr std::uint64_t kPieceSeed = 772;  // of the performance: in no split of the world

}  // namespace

RealPiece film_real_piece(const std::filesystem::path& out, std::optional<std::uint64_t> studio) {
  worlds::piano::PieceSpec spec;
  spec.name = "BWV 772 (real piece)";
  spec.performance_seed = kPieceSeed;
  spec.camera_seed = studio.value_or(kPieceSeed);
  RealPiece real{
      worlds::piano::make_piece(music::read_score(runs::find_config(kPiece)), spec),
      out / "bwv772_silent.mp4",
      out / "bwv772_truth.mid"};
  models::audeo::write_clip(real.piece, real.clip);
  music::write_notes(real.truth, models::audeo::heard_notes(real.piece));
  return real;
}

}  // namespace mmi::cli
