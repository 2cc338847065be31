#include "mmi/metrics/notes.h"

#include <gtest/gtest.h>

#include <set>

#include "vectors.h"

namespace mmi::metrics {
namespace {

music::Notes notes_of(const nlohmann::json& rows) {
  music::Notes notes;
  for (const auto& row : rows) {
    music::Note note;
    note.onset_s = row[0].get<double>();
    note.offset_s = row[1].get<double>();
    note.pitch = static_cast<int>(row[2].get<double>());
    notes.push_back(note);
  }
  return notes;
}

void expect_scores(const NoteScores& ours, const nlohmann::json& theirs, const std::string& name) {
  EXPECT_NEAR(ours.precision, theirs[0].get<double>(), 1e-9) << name;
  EXPECT_NEAR(ours.recall, theirs[1].get<double>(), 1e-9) << name;
  EXPECT_NEAR(ours.f1, theirs[2].get<double>(), 1e-9) << name;
}

TEST(NoteScores, EqualMirEval) {
  NoteTolerance with_offsets;
  with_offsets.offsets = true;
  ASSERT_EQ(vectors()["notes"].size(), 5U);
  for (const auto& item : vectors()["notes"]) {
    const auto name = item["name"].get<std::string>();
    const music::Notes predicted = notes_of(item["predicted"]);
    const music::Notes truth = notes_of(item["truth"]);
    expect_scores(note_scores(predicted, truth), item["onset"], name + ", onset");
    expect_scores(
        note_scores(predicted, truth, with_offsets), item["onset_offset"], name + ", offset");
  }
}

TEST(NoteScores, MatchOneToOneEvenWhereGreedyFails) {
  // The first prediction fits both true notes, the second only the first one.
  const music::Notes truth{{1.00, 1.5, 60, 100}, {1.06, 1.5, 60, 100}};
  const music::Notes predicted{{1.02, 1.5, 60, 100}, {0.97, 1.5, 60, 100}};
  const auto pairs = match_notes(predicted, truth);
  ASSERT_EQ(pairs.size(), 2U);
  const std::set<std::pair<std::size_t, std::size_t>> expected{{0, 1}, {1, 0}};
  EXPECT_EQ((std::set<std::pair<std::size_t, std::size_t>>(pairs.begin(), pairs.end())), expected);
}

TEST(NoteScores, NeedTheSamePitchAndOnset) {
  const music::Notes truth{{1, 2, 60, 100}};
  EXPECT_EQ(note_scores({{1, 2, 60, 1}}, truth).f1, 1);
  EXPECT_EQ(note_scores({{1, 2, 61, 100}}, truth).f1, 0);
  EXPECT_EQ(note_scores({{1.06, 2, 60, 100}}, truth).f1, 0);
  NoteTolerance wide;
  wide.onset_s = 0.1;
  EXPECT_EQ(note_scores({{1.06, 2, 60, 100}}, truth, wide).f1, 1);
}

TEST(NoteScores, PoolCountsNotRatios) {
  const NoteScores all = pooled(
      {note_scores({{1, 2, 60, 100}}, {{1, 2, 60, 100}}),
       note_scores({}, {{1, 2, 60, 100}, {3, 4, 60, 100}})});
  EXPECT_EQ(all.matched, 1);
  EXPECT_DOUBLE_EQ(all.precision, 1);
  EXPECT_DOUBLE_EQ(all.recall, 1.0 / 3);
  EXPECT_DOUBLE_EQ(all.f1, 0.5);
}

}  // namespace
}  // namespace mmi::metrics
