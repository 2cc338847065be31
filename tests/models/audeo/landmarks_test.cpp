#include "mmi/models/audeo/landmarks.h"

#include <gtest/gtest.h>

#include <set>

#include "mmi/base/errors.h"
#include "mmi/models/audeo/identification_task.h"
#include "mmi/models/audeo/recordings.h"
#include "mmi/music/synth.h"
#include "mmi/worlds/piano/composition.h"
#include "mmi/worlds/piano/performance.h"

namespace mmi::models::audeo {
namespace {

namespace piano = worlds::piano;

torch::Tensor play(
    std::uint64_t composition, std::uint64_t performance, double tempo, int program) {
  piano::PerformOptions options;
  options.tempo_scale = tempo;
  music::SynthConfig synth;
  synth.voice = music::Voice::kBuiltin;
  synth.program = program;
  return torch::tensor(music::render(
      piano::perform(
          piano::compose(piano::Style::kCounterpoint, composition, 20), performance, options),
      synth));
}

TEST(Landmarks, PeaksAreWhereNotesBegin) {
  const music::Notes notes = {{0.5, 1.5, 60, 100}, {1.0, 2.0, 67, 100}, {2.0, 2.5, 48, 100}};
  music::SynthConfig synth;
  synth.voice = music::Voice::kBuiltin;
  const auto peaks = landmark_peaks(torch::tensor(music::render(notes, synth)));
  for (const music::Note& note : notes) {
    const bool found = std::ranges::any_of(peaks, [&](const Peak& peak) {
      return std::abs(peak.frame * 0.032 - note.onset_s) < 0.1 && peak.semitone == note.pitch - 21;
    });
    EXPECT_TRUE(found) << note.pitch;
  }
}

TEST(Landmarks, SilenceHasNone) {
  EXPECT_TRUE(landmark_peaks(torch::zeros({32000})).empty());
  EXPECT_TRUE(landmark_peaks(torch::zeros({100})).empty());
  EXPECT_THROW(landmark_peaks(torch::zeros({2, 32000})), ShapeError);
}

TEST(LandmarkIndex, RecognisesTheWorkAtAnotherTempoAndRefusesAnUnknownOne) {
  LandmarkIndex index;
  for (std::uint64_t work = 1; work <= 6; ++work) {
    index.add("work " + std::to_string(work), play(work, 100 + work, 0.88, 0));
    index.add("work " + std::to_string(work), play(work, 200 + work, 1.12, 0));
  }
  index.finish();
  EXPECT_EQ(index.references(), 12);
  for (const std::uint64_t work : {2, 5}) {
    const LandmarkMatch match = index.identify(play(work, 300, 1.0, 0));
    EXPECT_EQ(match.work, "work " + std::to_string(work));
    EXPECT_GT(match.margin, 1.5);
  }
  const LandmarkMatch unknown = index.identify(play(99, 300, 1.0, 0));
  EXPECT_LT(unknown.margin, 1.5);
}

TEST(LandmarkIndex, AnEmptyOneFindsNothing) {
  LandmarkIndex index;
  index.finish();
  EXPECT_EQ(index.identify(play(1, 1, 1, 0)).work, "");
}

TEST(Segments, TheRestCountsWhenItIsLongEnough) {
  const auto lengths = [](std::int64_t seconds) {
    std::vector<std::int64_t> list;
    for (const auto& segment : segments_of(torch::zeros({seconds * kSampleRateHz}), 20)) {
      list.push_back(segment.size(0) / kSampleRateHz);
    }
    return list;
  };
  EXPECT_EQ(lengths(40), (std::vector<std::int64_t>{20, 20}));
  EXPECT_EQ(lengths(49), (std::vector<std::int64_t>{20, 20}));
  EXPECT_EQ(lengths(51), (std::vector<std::int64_t>{20, 20, 11}));
  EXPECT_TRUE(lengths(9).empty());
}

}  // namespace
}  // namespace mmi::models::audeo
