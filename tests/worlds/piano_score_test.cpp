#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "mmi/base/errors.h"
#include "mmi/worlds/piano/composition.h"
#include "mmi/worlds/piano/keyboard.h"
#include "mmi/worlds/piano/performance.h"
#include "mmi/worlds/piano/piece.h"
#include "mmi/worlds/piano/truth.h"

namespace mmi::worlds::piano {
namespace {

constexpr Style kStyles[] = {Style::kCounterpoint, Style::kArpeggio, Style::kStride, Style::kHymn};

double last_offset(const music::Notes& notes) {
  double end = 0;
  for (const music::Note& note : notes) {
    end = std::max(end, note.offset_s);
  }
  return end;
}

TEST(PianoScore, EveryStyleStaysWithinTheFiftyOneKeysAndItsDuration) {
  for (Style style : kStyles) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      const music::Notes notes = compose(style, seed, 30);
      ASSERT_GT(notes.size(), 30U) << style_name(style) << seed;
      for (const music::Note& note : notes) {
        EXPECT_GE(note.pitch, 36);
        EXPECT_LE(note.pitch, 86);
        EXPECT_GT(note.offset_s, note.onset_s);
        EXPECT_LE(note.offset_s, 30 + 1e-9);
      }
      EXPECT_GT(last_offset(notes), 24) << style_name(style) << seed;
    }
  }
}

TEST(PianoScore, IsAFunctionOfStyleSeedAndDuration) {
  EXPECT_EQ(compose(Style::kCounterpoint, 7, 20), compose(Style::kCounterpoint, 7, 20));
  EXPECT_NE(compose(Style::kCounterpoint, 7, 20), compose(Style::kCounterpoint, 8, 20));
  EXPECT_NE(compose(Style::kHymn, 7, 20), compose(Style::kStride, 7, 20));
}

TEST(PianoScore, CounterpointDrawsItsDurationsWithTheStatedWeights) {
  double count[5] = {0, 0, 0, 0, 0};
  double total = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    for (const music::Note& note : compose(Style::kCounterpoint, seed, 60)) {
      const double steps = (note.offset_s - note.onset_s) / 0.15;
      const auto power = static_cast<int>(std::lround(std::log2(steps)));
      if (power >= 0 && power < 5) {
        count[power] += 1;
        total += 1;
      }
    }
  }
  constexpr double kWeights[5] = {0.20, 0.35, 0.25, 0.12, 0.08};
  for (int i = 0; i < 5; ++i) {
    EXPECT_NEAR(count[i] / total, kWeights[i], 0.05) << i;
  }
}

TEST(PianoScore, RefusesAnUnknownStyle) {
  EXPECT_EQ(parse_style("stride"), Style::kStride);
  EXPECT_THROW(parse_style("tango"), ConfigError);
  EXPECT_THROW(compose(Style::kHymn, 1, -1), ConfigError);
}

TEST(PianoPerformance, NeverHoldsAKeyTwiceAndLetsItComeUp) {
  for (Style style : kStyles) {
    const music::Notes notes = perform(compose(style, 3, 40), 5);
    double free_at[128] = {};
    for (const music::Note& note : notes) {
      EXPECT_GE(note.onset_s, free_at[note.pitch] + 0.0699);
      EXPECT_GE(note.offset_s - note.onset_s, 0.0499);
      EXPECT_GE(note.velocity, 55);
      EXPECT_LE(note.velocity, 105);
      EXPECT_GE(note.onset_s, 0.05);
      free_at[note.pitch] = note.offset_s;
    }
  }
}

TEST(PianoPerformance, ScalesTheTempoAndKeepsThePitches) {
  const music::Notes score = compose(Style::kHymn, 2, 40);
  PerformOptions slow, fast;
  slow.ornament_probability = fast.ornament_probability = 0;
  slow.tempo_scale = 0.85;
  fast.tempo_scale = 1.15;
  const music::Notes a = perform(score, 9, slow), b = perform(score, 9, fast);
  EXPECT_NEAR(last_offset(a) / last_offset(b), 1.15 / 0.85, 0.02);
  EXPECT_EQ(perform(score, 9, slow), a);
  EXPECT_NE(perform(score, 10, slow), a);
}

TEST(PianoPerformance, RefusesNotesThatNoPianoHas) {
  EXPECT_THROW(perform({{0, 1, 20, 80}}, 1), DataError);
  EXPECT_THROW(perform({{1, 1, 60, 80}}, 1), DataError);
}

TEST(PianoSplits, ShareNoSeedExceptTheCompositionsOfVariants) {
  const std::vector<PieceSpec> specs = list_pieces(1, {24, 3, 3, 8, 9});
  ASSERT_EQ(specs.size(), 47U);
  std::set<std::uint64_t> compositions, performances, cameras, names;
  for (const PieceSpec& spec : specs) {
    EXPECT_TRUE(performances.insert(spec.performance_seed).second) << spec.name;
    EXPECT_TRUE(cameras.insert(spec.camera_seed).second) << spec.name;
    const bool is_new = compositions.insert(spec.composition_seed).second;
    EXPECT_EQ(is_new, spec.split != "variant") << spec.name;
    EXPECT_EQ(spec.style == Style::kStride || spec.style == Style::kHymn, spec.split == "unseen");
  }
  EXPECT_NE(list_pieces(2, {}).front().composition_seed, specs.front().composition_seed);
  EXPECT_THROW(list_pieces(1, {1, 1, 1, 2, 0}), ConfigError);
}

TEST(PianoTruth, RollFollowsTheNotesFrameByFrame) {
  const std::vector<std::uint8_t> roll = roll_of({{0.1, 0.3, 60, 80}, {0.21, 0.215, 21, 80}}, 10);
  for (int f = 0; f < 10; ++f) {
    EXPECT_EQ(roll[static_cast<std::size_t>(f * 88 + 39)], f >= 2 && f < 7) << f;
    EXPECT_EQ(roll[static_cast<std::size_t>(f * 88)], f == 5) << f;
  }
}

TEST(PianoTruth, HeldNotesDecayOutOfThePseudoTruth) {
  PseudoOptions plain;
  plain.masking_db = plain.late_probability = plain.missed_probability = 0;
  plain.ghost_probability = 0;
  // 9 dB/s at middle C, 18 dB/s 18 semitones above; 10 dB are audible at velocity 90.
  EXPECT_NEAR(audible_s(60, 90, 10), 10.0 / 9, 1e-9);
  EXPECT_NEAR(audible_s(78, 90, 10), 10.0 / 18, 1e-9);
  EXPECT_NEAR(audible_s(60, 90, 14), 14.0 / 9, 1e-9);
  EXPECT_NEAR(audible_s(108, 20, 10), 0.12, 1e-9);
  const music::Notes held = pseudo_notes({{1, 6, 60, 90}}, 1, plain);
  ASSERT_EQ(held.size(), 1U);
  EXPECT_NEAR(held[0].offset_s, 1 + 10.0 / 9, 1e-9);
  // A short note rings on for 2 to 6 frames.
  for (std::uint64_t seed = 1; seed < 30; ++seed) {
    const music::Notes brief = pseudo_notes({{1, 1.2, 60, 90}}, seed, plain);
    EXPECT_GE(brief[0].offset_s, 1.2 + 2 / 25.0 - 1e-9);
    EXPECT_LE(brief[0].offset_s, 1.2 + 6 / 25.0 + 1e-9);
  }
}

TEST(PianoTruth, LouderNeighboursMaskAndFarOnesDoNot) {
  PseudoOptions plain;
  plain.late_probability = plain.missed_probability = plain.ghost_probability = 0;
  const auto offset = [&](int other_pitch, int other_velocity) {
    const music::Notes heard =
        pseudo_notes({{1, 6, 60, 80}, {1.01, 2, other_pitch, other_velocity}}, 1, plain);
    return heard[0].offset_s;
  };
  EXPECT_LT(offset(67, 100), offset(67, 80));
  EXPECT_NEAR(offset(73, 105), offset(67, 80), 1e-9);
}

TEST(PianoTruth, LateMissedAndGhostNotesComeAsOftenAsStated) {
  music::Notes played;
  for (int i = 0; i < 4000; ++i) {
    played.push_back({i * 1.0, i * 1.0 + 0.3, 60, 80});
  }
  double late = 0, real = 0, ghosts = 0;
  for (const music::Note& note : pseudo_notes(played, 3, PseudoOptions::hard())) {
    real += note.pitch == 60;
    ghosts += note.pitch != 60;
    late += note.pitch == 60 && note.onset_s - std::floor(note.onset_s) > 0.03;
  }
  EXPECT_NEAR(late / real, 0.25, 0.03);
  EXPECT_NEAR(real / 4000, 0.97, 0.01);
  EXPECT_NEAR(ghosts / 4000, 0.04, 0.01);
}

struct Scores {
  double precision = 0, recall = 0, accuracy = 0, f1 = 0;
};

// The official frame metric (specs/ch03 §6): averages of per-frame scores over MIDI 36..86.
void add_scores(const Piece& piece, Scores& sum, double& frames) {
  for (std::int64_t f = 0; f < piece.frames; ++f) {
    double tp = 0, fp = 0, fn = 0;
    for (int k = 15; k <= 65; ++k) {
      const auto at = static_cast<std::size_t>(f * kKeys + k);
      tp += piece.vision[at] & piece.pseudo[at];
      fp += piece.vision[at] & (piece.pseudo[at] ^ 1);
      fn += (piece.vision[at] ^ 1) & piece.pseudo[at];
    }
    const auto ratio = [](double a, double b) { return b > 0 ? a / b : 1.0; };
    sum.precision += ratio(tp, tp + fp);
    sum.recall += ratio(tp, tp + fn);
    sum.accuracy += ratio(tp, tp + fp + fn);
    sum.f1 += ratio(2 * tp, 2 * tp + fp + fn);
    frames += 1;
  }
}

// Perfect vision against P over ten counterpoint pieces of a minute.
Scores perfect_vision(PseudoOptions options) {
  Scores sum;
  double frames = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    PieceSpec spec;
    spec.composition_seed = spec.performance_seed = seed;
    Piece piece = make_piece(spec);
    piece.pseudo = roll_of(pseudo_notes(piece.notes, seed, options), piece.frames);
    add_scores(piece, sum, frames);
  }
  return {
      100 * sum.precision / frames,
      100 * sum.recall / frames,
      100 * sum.accuracy / frames,
      100 * sum.f1 / frames};
}

TEST(PianoCalibration, PerfectVisionScoresAsTheSpecificationSays) {
  const auto report = [](const char* name, const Scores& s) {
    std::printf(
        "%-18s P/R/A/F %.1f %.1f %.1f %.1f\n", name, s.precision, s.recall, s.accuracy, s.f1);
  };
  PseudoOptions hard = PseudoOptions::hard(), easy = PseudoOptions::easy();
  report("hard, with masking", perfect_vision(hard));
  report("easy, with masking", perfect_vision(easy));
  hard.masking_db = easy.masking_db = 0;
  const Scores plain_hard = perfect_vision(hard), plain_easy = perfect_vision(easy);
  report("hard", plain_hard);
  report("easy", plain_easy);
  // specs/ch03 §8.5, computed there without masking: 75/84/65/75 and 83/88/74/82.
  EXPECT_NEAR(plain_hard.f1, 75, 5);
  EXPECT_NEAR(plain_easy.f1, 82, 5);
}

TEST(PianoCalibration, ATenthOfTheHeldKeysIsFullyHiddenInShortBursts) {
  double held = 0, hidden = 0, bursts = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    PieceSpec spec;
    spec.composition_seed = spec.performance_seed = seed;
    const Piece piece = make_piece(spec);
    for (int k = 0; k < kKeys; ++k) {
      bool before = false;
      for (std::int64_t f = 0; f < piece.frames; ++f) {
        const auto at = static_cast<std::size_t>(f * kKeys + k);
        const bool now = piece.vision[at] != 0 && piece.hidden[at] >= kFullyHidden;
        held += piece.vision[at];
        hidden += now;
        bursts += now && !before;
        before = now;
      }
    }
  }
  std::printf(
      "fully hidden %.1f %% of held keys, mean burst %.1f frames\n",
      100 * hidden / held,
      hidden / bursts);
  EXPECT_NEAR(hidden / held, 0.10, 0.04);
  EXPECT_GT(hidden / bursts, 2);
  EXPECT_LT(hidden / bursts, 9);
}

}  // namespace
}  // namespace mmi::worlds::piano
