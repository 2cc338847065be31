#include "mmi/worlds/piano/piece.h"

#include <algorithm>
#include <cmath>

#include "mmi/base/errors.h"
#include "mmi/base/hash.h"
#include "mmi/base/rng.h"
#include "mmi/worlds/piano/keyboard.h"
#include "mmi/worlds/piano/renderer.h"
#include "piano_occlusion.h"

namespace mmi::worlds::piano {
namespace {

enum SplitTag : std::uint64_t { kTrain = 0, kVal = 1, kTest = 2, kVariant = 3, kUnseen = 4 };

// The low bits carry split and index, so that no two pieces can share a seed.
std::uint64_t make_seed(
    std::uint64_t world_seed, std::string_view kind, SplitTag split, int index) {
  const std::uint64_t hashed = mix64(
      fnv1a64(kind) ^ mix64(world_seed + 0x9E37ULL * (split + 1) + (std::uint64_t(index) << 20)));
  return (hashed << 19) | (static_cast<std::uint64_t>(index) << 3) | split;
}

struct Group {
  const char* split;
  SplitTag tag;
  int count;
  const char* suffix;
};

PieceSpec make_spec(std::uint64_t world_seed, const Group& group, int index) {
  PieceSpec spec;
  const bool unseen = group.tag == kUnseen;
  spec.split = group.split;
  spec.name =
      format("{} No.{} {}", unseen ? "Piece" : "Bach Prelude and Fugue", index + 1, group.suffix);
  if (unseen) {
    spec.style = index % 2 == 0 ? Style::kStride : Style::kHymn;
  } else {
    spec.style = index % 4 == 3 ? Style::kArpeggio : Style::kCounterpoint;
  }
  const SplitTag composed = group.tag == kVariant ? kTrain : group.tag;
  spec.composition_seed = make_seed(world_seed, "composition", composed, index);
  spec.performance_seed = make_seed(world_seed, "performance", group.tag, index);
  spec.camera_seed = make_seed(world_seed, "camera", group.tag, index);
  if (group.tag == kVariant) {
    Rng rng = Rng(spec.performance_seed).stream("piano.variant");
    spec.perform.tempo_scale = rng.uniform(0.85, 1.15);
    spec.perform.ornament_probability = 0.06;
  }
  return spec;
}

}  // namespace

Piece make_piece(const PieceSpec& spec) {
  return make_piece(compose(spec.style, spec.composition_seed, spec.duration_s), spec);
}

Piece make_piece(const music::Notes& score, const PieceSpec& spec) {
  Piece piece;
  piece.spec = spec;
  piece.hands = std::make_shared<HandsPlan>(
      perform(score, spec.performance_seed, spec.perform), spec.performance_seed);
  double end_s = 0.2;
  for (const PlayedNote& played : piece.hands->notes()) {
    piece.notes.push_back(played.note);
    end_s = std::max(end_s, played.note.offset_s);
  }
  piece.frames = static_cast<std::int64_t>(std::ceil((end_s + 0.3) * kFps));
  piece.vision = roll_of(piece.notes, piece.frames);
  PseudoOptions options =
      spec.difficulty == Difficulty::kHard ? PseudoOptions::hard() : PseudoOptions::easy();
  options.pedal = spec.style != Style::kCounterpoint;
  piece.pseudo = roll_of(pseudo_notes(piece.notes, spec.performance_seed, options), piece.frames);
  piece.hidden = cue_occlusion(*piece.hands, piece.vision, piece.frames);
  return piece;
}

std::vector<PieceSpec> list_pieces(
    std::uint64_t world_seed, const SplitCounts& counts, double duration_s, Difficulty difficulty) {
  MMI_CHECK(
      ConfigError,
      std::min({counts.train, counts.val, counts.test, counts.variant, counts.unseen}) >= 0 &&
          std::max({counts.train, counts.val, counts.test, counts.variant, counts.unseen}) < 65536,
      "each split of the piano world has 0 to 65535 pieces, but {}, {}, {}, {} and {} were asked "
      "for",
      counts.train,
      counts.val,
      counts.test,
      counts.variant,
      counts.unseen);
  MMI_CHECK(
      ConfigError,
      counts.variant <= counts.train,
      "variants are train pieces played again: {} variants need as many train pieces, not {}",
      counts.variant,
      counts.train);
  const Group groups[] = {
      {"train", kTrain, counts.train, "B1"},
      {"val", kVal, counts.val, "V"},
      {"test", kTest, counts.test, "B2"},
      {"variant", kVariant, counts.variant, "B1 variant"},
      {"unseen", kUnseen, counts.unseen, "unseen"}};
  std::vector<PieceSpec> specs;
  for (const Group& group : groups) {
    for (int i = 0; i < group.count; ++i) {
      specs.push_back(make_spec(world_seed, group, i));
      specs.back().duration_s = duration_s;
      specs.back().difficulty = difficulty;
    }
  }
  return specs;
}

std::string world_version() {
  return "piano-1";
}

std::string world_hash() {
  std::uint64_t hash = fnv1a64(world_version());
  const auto absorb = [&hash](const std::vector<std::uint8_t>& bytes) {
    hash = fnv1a64({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, hash);
  };
  for (Style style : {Style::kCounterpoint, Style::kArpeggio, Style::kStride, Style::kHymn}) {
    PieceSpec spec;
    spec.style = style;
    spec.duration_s = 6;
    const Piece piece = make_piece(spec);
    absorb(piece.vision);
    absorb(piece.pseudo);
    absorb(piece.hidden);
    Renderer renderer(piece, {452, 36});
    std::vector<std::uint8_t> frame(452 * 36);
    for (std::int64_t f = 0; f < piece.frames; f += 37) {
      renderer.render(f, frame.data());
      absorb(frame);
    }
  }
  return hex(hash);
}

}  // namespace mmi::worlds::piano
