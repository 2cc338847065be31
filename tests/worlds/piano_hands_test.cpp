#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "mmi/worlds/piano/hands.h"
#include "mmi/worlds/piano/keyboard.h"
#include "mmi/worlds/piano/piece.h"

namespace mmi::worlds::piano {
namespace {

constexpr Style kStyles[] = {Style::kCounterpoint, Style::kArpeggio, Style::kStride, Style::kHymn};

Piece piece_of(Style style, std::uint64_t seed = 1, double duration_s = 30) {
  PieceSpec spec;
  spec.style = style;
  spec.composition_seed = spec.performance_seed = seed;
  spec.duration_s = duration_s;
  return make_piece(spec);
}

TEST(PianoKeyboard, HasTwelveSemitonesInTheirPlaces) {
  EXPECT_FALSE(key_shape(21).black);
  EXPECT_TRUE(key_shape(61).black);
  EXPECT_FALSE(key_shape(108).black);
  int white = 0;
  for (int pitch = 22; pitch <= 108; ++pitch) {
    EXPECT_GT(key_shape(pitch).center, key_shape(pitch - 1).center) << pitch;
    white += !key_shape(pitch).black;
  }
  EXPECT_EQ(white + 1, kWhiteKeys);
  EXPECT_NEAR(key_shape(108).right, kCanvasWidth, 1e-9);
  // C sharp leans towards C, D sharp away from it, G sharp sits on the boundary.
  EXPECT_NEAR(key_shape(61).center - key_shape(62).left, -0.10 * kWhiteWidth, 1e-9);
  EXPECT_NEAR(key_shape(63).center - key_shape(64).left, 0.10 * kWhiteWidth, 1e-9);
  EXPECT_NEAR(key_shape(68).center, key_shape(69).left, 1e-9);
}

TEST(PianoHands, HoldAtMostFiveKeysWithinReach) {
  for (Style style : kStyles) {
    const Piece piece = piece_of(style);
    const std::vector<PlayedNote>& notes = piece.hands->notes();
    for (std::size_t i = 0; i < notes.size(); ++i) {
      int held = 0;
      double low = 1e9, high = -1e9;
      for (const PlayedNote& other : notes) {
        if (other.hand == notes[i].hand && other.note.onset_s <= notes[i].note.onset_s &&
            other.note.offset_s > notes[i].note.onset_s + 0.03) {
          ++held;
          low = std::min(low, key_shape(other.note.pitch).center);
          high = std::max(high, key_shape(other.note.pitch).center);
        }
      }
      EXPECT_LE(held, 5) << style_name(style) << " " << notes[i].note.onset_s;
      EXPECT_LE(high - low, 9.3 * kWhiteWidth) << style_name(style) << " " << notes[i].note.onset_s;
    }
  }
}

TEST(PianoHands, ChordsTakeDifferentFingersInOrder) {
  for (Style style : kStyles) {
    const std::vector<PlayedNote> notes = piece_of(style).hands->notes();
    for (std::size_t i = 0; i < notes.size(); ++i) {
      for (std::size_t j = i + 1;
           j < notes.size() && notes[j].note.onset_s < notes[i].note.onset_s + 0.03;
           ++j) {
        if (notes[i].hand != notes[j].hand ||
            notes[i].note.offset_s < notes[j].note.onset_s + 0.03) {
          continue;
        }
        const int up = notes[j].note.pitch > notes[i].note.pitch ? 1 : -1;
        const int thumb_side = notes[i].hand == kRight ? 1 : -1;
        EXPECT_GT(up * thumb_side * (notes[j].finger - notes[i].finger), 0)
            << style_name(style) << " " << notes[i].note.onset_s;
      }
    }
  }
}

TEST(PianoHands, AFingertipRestsOnEveryHeldKey) {
  for (Style style : kStyles) {
    const Piece piece = piece_of(style, 2);
    int misses = 0, looks = 0;
    for (const PlayedNote& played : piece.hands->notes()) {
      const double t = std::min(played.note.onset_s + 0.03, played.note.offset_s);
      const KeyShape& key = key_shape(played.note.pitch);
      const HandPose pose = piece.hands->pose(played.hand, t);
      bool touched = false;
      for (const FingerPose& finger : pose.fingers) {
        touched = touched || (std::abs(finger.tip.x - key.center) < 0.45 * kWhiteWidth &&
                              finger.tip.y < key.front && finger.tip.y > kKeyTop + 10);
      }
      misses += !touched;
      ++looks;
    }
    EXPECT_LE(misses, looks / 100) << style_name(style) << ": " << misses << " of " << looks;
  }
}

TEST(PianoHands, IdleFingersKeepTheirOrder) {
  for (Style style : kStyles) {
    const Piece piece = piece_of(style, 3);
    int crossed = 0, pairs = 0;
    for (double t = 0; t < piece.duration_s(); t += 0.04) {
      for (Hand hand : {kLeft, kRight}) {
        const HandPose pose = piece.hands->pose(hand, t);
        const double side = hand == kRight ? 1 : -1;
        for (std::size_t f = 1; f < 4; ++f) {
          ++pairs;
          crossed += side * (pose.fingers[f + 1].tip.x - pose.fingers[f].tip.x) < 0;
        }
      }
    }
    EXPECT_LT(crossed, pairs / 100) << style_name(style);
  }
}

TEST(PianoHands, MoveWithoutJumps) {
  const Piece piece = piece_of(Style::kStride, 4);
  double fastest = 0;
  for (double t = 0; t < piece.duration_s(); t += 0.004) {
    for (Hand hand : {kLeft, kRight}) {
      const Point a = piece.hands->pose(hand, t).palm;
      const Point b = piece.hands->pose(hand, t + 0.004).palm;
      fastest = std::max(fastest, std::hypot(a.x - b.x, a.y - b.y) / 0.004);
    }
  }
  EXPECT_LT(fastest, 4000);  // canvas units a second: 230 white keys a second
}

TEST(PianoHands, PlayARealTexture) {
  // Ten notes at once over five octaves, and a note that is out of reach of both hands.
  music::Notes score;
  for (int pitch : {36, 40, 43, 48, 52, 72, 76, 79, 84, 86}) {
    score.push_back({0, 1, pitch, 80});
  }
  score.push_back({0, 1, 60, 80});
  std::sort(score.begin(), score.end(), [](const music::Note& a, const music::Note& b) {
    return a.pitch < b.pitch;
  });
  PerformOptions still;
  still.onset_jitter_s = 0;
  PieceSpec spec;
  spec.perform = still;
  const Piece piece = make_piece(score, spec);
  EXPECT_GE(piece.notes.size(), 8U);
  EXPECT_LE(piece.notes.size(), 10U);
  EXPECT_EQ(make_piece(music::Notes{}, spec).notes.size(), 0U);
}

}  // namespace
}  // namespace mmi::worlds::piano
