#include "mmi/music/midi.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "mmi/base/errors.h"
#include "mmi/music/roll.h"

namespace mmi::music {
namespace {

class MidiNotes : public ::testing::Test {
 protected:
  ~MidiNotes() override {
    std::filesystem::remove(path_);
  }

  std::filesystem::path path_ = std::filesystem::temp_directory_path() /
                                ("mmi_midi_notes_" + std::to_string(::getpid()) + ".mid");
};

TEST_F(MidiNotes, OfARollSurviveTheFileFrameByFrame) {
  auto roll = torch::zeros({200, 88}, torch::kUInt8);
  for (int key = 0; key < 88; ++key) {
    roll.slice(0, key, 2 * key + 3).select(1, key).fill_(1);
  }
  for (const double tempo : {120.0, 100.0, 60.0}) {
    write_notes(path_, roll_to_notes(roll), 0, tempo);
    EXPECT_TRUE(torch::equal(notes_to_roll(read_notes(path_), {.frames = 200}), roll)) << tempo;
  }
}

TEST_F(MidiNotes, KeepVelocityProgramAndTimesToATick) {
  const Notes notes{{0.1234, 0.5, 60, 33}, {0.2, 0.7, 64, 127}};
  write_notes(path_, notes, 40, 97);
  const auto midi = io::read_midi(path_);
  EXPECT_EQ(midi.notes[0].program, 40);
  const auto read = to_notes(midi);
  ASSERT_EQ(read.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_NEAR(read[i].onset_s, notes[i].onset_s, 0.0005);
    EXPECT_NEAR(read[i].offset_s, notes[i].offset_s, 0.0005);
    EXPECT_EQ(read[i].pitch, notes[i].pitch);
    EXPECT_EQ(read[i].velocity, notes[i].velocity);
  }
}

TEST(ToNotes, ThePedalHoldsReleasedKeysUntilItRisesOrTheyAreStruckAgain) {
  io::MidiFile midi;
  midi.notes = {
      {.onset_s = 0.0, .offset_s = 0.5, .pitch = 60},                // released before the pedal
      {.onset_s = 1.0, .offset_s = 1.2, .pitch = 62},                // held to 2.0
      {.onset_s = 1.0, .offset_s = 1.1, .pitch = 64},                // struck again at 1.6
      {.onset_s = 1.0, .offset_s = 1.1, .pitch = 65, .channel = 1},  // another channel
      {.onset_s = 1.6, .offset_s = 2.5, .pitch = 64},                // released after the pedal
      {.onset_s = 3.2, .offset_s = 3.3, .pitch = 60}};               // the pedal never rises again
  midi.controls = {
      {1.0, 0, 64, 127}, {1.5, 0, 64, 64}, {2.0, 0, 64, 0}, {2.2, 0, 7, 127}, {3.0, 0, 64, 100}};
  midi.duration_s = 4.0;
  const auto dry = to_notes(midi);
  EXPECT_EQ(dry[1].offset_s, 1.2);
  const auto held = to_notes(midi, true);
  ASSERT_EQ(held.size(), 6U);
  const std::vector<double> expected{0.5, 2.0, 1.6, 1.1, 2.5, 4.0};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(held[i].offset_s, expected[i]) << i;
  }
}

TEST(ToNotes, LeavesDrumsOut) {
  io::MidiFile midi;
  midi.notes = {
      {.onset_s = 0, .offset_s = 1, .pitch = 36, .channel = 9},
      {.onset_s = 0, .offset_s = 1, .pitch = 60, .channel = 2}};
  EXPECT_EQ(to_notes(midi), (Notes{{0, 1, 60, 100}}));
}

TEST(ReadNotes, AMissingFileIsADataErrorAndAnAbsurdTempoAConfigError) {
  EXPECT_THROW(read_notes("/nowhere/a.mid"), DataError);
  EXPECT_THROW(to_midi({}, 0, 0), ConfigError);
}

}  // namespace
}  // namespace mmi::music
