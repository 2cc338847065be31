#include "mmi/music/roll.h"

#include <gtest/gtest.h>

#include "mmi/base/errors.h"
#include "mmi/base/rng.h"

namespace mmi::music {
namespace {

TEST(FrameOf, IsTheFloorAndIsExactOnFrameBorders) {
  EXPECT_EQ(frame_of(0.039, 25), 0);
  EXPECT_EQ(frame_of(0.04, 25), 1);
  for (std::int64_t k = 0; k < 100000; ++k) {
    ASSERT_EQ(frame_of(static_cast<double>(k) / 25.0, 25), k);
    ASSERT_EQ(frame_of(static_cast<double>(k) / 62.5, 62.5), k);
  }
}

TEST(NotesToRoll, FillsFramesFromOnsetUpToOffset) {
  const Notes notes{{0.05, 0.17, 21}, {0.0, 0.01, 108}, {0.1, 0.3, 20}, {0.1, 0.3, 109}};
  const auto roll = notes_to_roll(notes, {.frames = 6});
  EXPECT_EQ(roll.sizes().vec(), (std::vector<std::int64_t>{6, 88}));
  EXPECT_EQ(roll.dtype(), torch::kUInt8);
  EXPECT_EQ(roll.sum().item<std::int64_t>(), 4);  // 3 frames of A0, one of C8
  EXPECT_EQ(roll.slice(0, 1, 4).select(1, 0).sum().item<std::int64_t>(), 3);
  EXPECT_EQ(roll[0][87].item<int>(), 1);
}

TEST(NotesToRoll, EndingEarlyLeavesAGapButKeepsOneFrameNotes) {
  const Notes notes{{0.0, 0.12, 60}, {0.12, 0.24, 60}, {0.0, 0.04, 61}};
  const auto merged = notes_to_roll(notes);
  const auto apart = notes_to_roll(notes, {.end_one_frame_early = true});
  EXPECT_EQ(merged.select(1, 60 - 21).sum().item<int>(), 6);
  EXPECT_EQ(apart.select(1, 60 - 21).sum().item<int>(), 4);
  EXPECT_EQ(apart[2][60 - 21].item<int>(), 0);
  EXPECT_EQ(apart.select(1, 61 - 21).sum().item<int>(), 1);
  EXPECT_EQ(roll_to_notes(merged).size(), 2U);
  EXPECT_EQ(roll_to_notes(apart).size(), 3U);
}

TEST(NotesToRoll, CutsAtTheGivenFramesAndSizesItselfOtherwise) {
  const Notes notes{{0.0, 1.0, 60}};
  EXPECT_EQ(notes_to_roll(notes).size(0), 25);
  EXPECT_EQ(notes_to_roll(notes, {.frames = 10}).sum().item<int>(), 10);
  EXPECT_EQ(notes_to_roll({}).size(0), 0);
  EXPECT_EQ(notes_to_roll({}, {.frames = 3, .low_pitch = 36, .keys = 51}).size(1), 51);
}

TEST(NotesToRoll, BytesEqualTheTensor) {
  const Notes notes{{0.0, 0.3, 60}, {0.1, 0.5, 64}};
  const auto roll = notes_to_roll(notes);
  const auto bytes = notes_to_roll_bytes(notes);
  ASSERT_EQ(static_cast<std::int64_t>(bytes.size()), roll.numel());
  EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), roll.data_ptr<std::uint8_t>()));
}

TEST(RollToNotes, FollowsRisesAndFallsAndClosesAtTheEnd) {
  auto roll = torch::zeros({5, 3});
  roll[1][0] = 1.0;
  roll[2][0] = 0.9;
  roll[4][2] = 127.0;
  roll[0][1] = 0.4;  // off
  const auto notes = roll_to_notes(roll, 36, 25, 90);
  ASSERT_EQ(notes.size(), 2U);
  EXPECT_EQ(notes[0], (Note{0.04, 0.12, 36, 90}));
  EXPECT_EQ(notes[1], (Note{0.16, 0.2, 38, 90}));
}

TEST(RollToNotes, AnOnsetTrackSplitsAHeldKey) {
  const Notes notes{{0.0, 0.2, 60}, {0.2, 0.4, 60}, {0.08, 0.4, 64}};
  const auto roll = notes_to_roll(notes);
  EXPECT_EQ(roll_to_notes(roll).size(), 2U);
  const auto split = roll_to_notes(roll, 21, 25, 100, notes_to_onsets(notes));
  EXPECT_EQ(split, (Notes{{0.0, 0.2, 60}, {0.08, 0.4, 64}, {0.2, 0.4, 60}}));
}

TEST(RollToNotes, AnOnsetThatLastsSplitsOnceAndOneWithoutSoundNever) {
  const auto roll = torch::ones({6, 1}, torch::kUInt8);
  auto onsets = torch::zeros({6, 1}, torch::kBool);
  onsets[2][0] = true;
  onsets[3][0] = true;
  EXPECT_EQ(roll_to_notes(roll, 60, 25, 100, onsets).size(), 2U);
  EXPECT_TRUE(roll_to_notes(torch::zeros({6, 1}), 60, 25, 100, onsets).empty());
}

TEST(RollToNotes, AndBackGivesTheSameRoll) {
  Rng rng(3);
  for (int trial = 0; trial < 10; ++trial) {
    auto roll = torch::zeros({40, 51}, torch::kUInt8);
    auto* cell = roll.data_ptr<std::uint8_t>();
    for (std::int64_t i = 0; i < roll.numel(); ++i) {
      cell[i] = rng.chance(0.3) ? 1 : 0;
    }
    const auto notes = roll_to_notes(roll, 36);
    const auto again = notes_to_roll(notes, {.frames = 40, .low_pitch = 36, .keys = 51});
    EXPECT_TRUE(torch::equal(roll, again));
  }
}

TEST(Roll, RejectsWhatDoesNotFit) {
  EXPECT_THROW(notes_to_roll({}, {.fps = 0}), ConfigError);
  EXPECT_THROW(notes_to_roll({}, {.low_pitch = 100, .keys = 88}), ConfigError);
  EXPECT_THROW(roll_to_notes(torch::zeros({5})), ShapeError);
  EXPECT_THROW(
      roll_to_notes(torch::zeros({5, 88}), 21, 25, 100, torch::zeros({4, 88})), ShapeError);
  EXPECT_THROW(roll_to_notes(torch::zeros({5, 88}), 60), ConfigError);
  EXPECT_TRUE(roll_to_notes(torch::zeros({0, 88})).empty());
}

}  // namespace
}  // namespace mmi::music
