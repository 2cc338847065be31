#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "mmi/base/errors.h"
#include "mmi/data/formats/audeo.h"

namespace mmi::data::formats {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kFirst = 253;
constexpr std::int64_t kFrames = 120;
const std::string kVideo = "Bach Prelude and Fugue No.1 B2";

// What numpy wrote: scripts/oracles/audeo_layout.py.
AudeoLayout published() {
  return AudeoLayout(fs::path(MMI_TEST_DATA) / "audeo_layout");
}

torch::Tensor formula(std::int64_t scale) {
  const torch::Tensor frame = torch::arange(kFrames).unsqueeze(1);
  const torch::Tensor key = torch::arange(88).unsqueeze(0);
  const torch::Tensor on = (frame * 7 + key * 13).remainder(29).eq(0);
  return (on * (1 + scale * key.remainder(5))).to(torch::kFloat);
}

class AudeoFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ =
        fs::path(::testing::TempDir()) /
        ("audeo_" + std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(root_);
  }

  void TearDown() override {
    fs::remove_all(root_);
  }

  std::string error_of(const std::function<void()>& action) {
    try {
      action();
    } catch (const DataError& error) {
      return error.what();
    }
    return "no error";
  }

  void touch(const fs::path& path) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << "x";
  }

  fs::path root_;
};

TEST(AudeoLayout, SortsVideosByPieceNumber) {
  EXPECT_EQ(
      published().videos("training"),
      (std::vector<std::string>{
          "Bach Prelude and Fugue No.2 B1", "Bach Prelude and Fugue No.10 B1"}));
  EXPECT_EQ(published().videos("testing"), std::vector<std::string>{kVideo});
}

TEST(AudeoLayout, SortsFramesByNumber) {
  std::vector<std::int64_t> numbers;
  for (const auto& frame : published().frames("testing", kVideo)) {
    numbers.push_back(frame.number);
    EXPECT_TRUE(fs::exists(frame.path));
  }
  EXPECT_EQ(numbers, (std::vector<std::int64_t>{253, 254, 262, 263, 1000}));
}

TEST(AudeoLayout, ReadsLabelsAsNumpyWroteThem) {
  const AudeoLabels labels = published().labels("testing", kVideo);
  EXPECT_TRUE(torch::equal(labels.frame, torch::arange(kFirst, kFirst + kFrames)));
  EXPECT_TRUE(torch::equal(labels.label, formula(20)));
}

TEST(AudeoLayout, JoinsStillsWithTheirLabels) {
  const AudeoVideo video = published().video("testing", kVideo);
  ASSERT_EQ(video.frames.size(), 4U);  // frame 1000 has no label
  EXPECT_EQ(video.frames.back().number, 263);
  EXPECT_TRUE(torch::equal(video.label, formula(20).index({torch::tensor({0, 1, 9, 10})})));
}

TEST(AudeoLayout, ReadsSegmentsAsNumpyWroteThem) {
  const auto segments = published().segments("estimate_Roll", "testing", kVideo, "logit");
  ASSERT_EQ(segments.size(), 3U);
  EXPECT_EQ(segments[0].first, 253);
  EXPECT_EQ(segments[2].values.sizes().vec(), (std::vector<std::int64_t>{20, 88}));
  EXPECT_TRUE(torch::equal(join_segments(segments, kVideo), formula(0) * 8 - 4));
  const auto refined = published().segments("Roll2Midi_results", "testing", kVideo, "midi");
  EXPECT_TRUE(
      torch::equal(join_segments(refined, kVideo), formula(0).slice(1, 15, 66).to(torch::kBool)));
  const auto midi = published().segments("midi", "testing", kVideo, "midi");
  EXPECT_TRUE(torch::equal(join_segments(midi, kVideo).to(torch::kFloat), formula(0)));
}

TEST_F(AudeoFolder, GivesBackWhatWasWritten) {
  const AudeoLayout layout(root_);
  const AudeoLabels labels{torch::arange(7, 7 + kFrames), formula(20)};
  layout.write_labels("training", kVideo, labels);
  layout.write_segments(
      "estimate_Roll",
      "training",
      kVideo,
      7,
      {{"logit", formula(3)}, {"roll", formula(0).to(torch::kLong)}});
  EXPECT_TRUE(fs::exists(root_ / "estimate_Roll/training" / kVideo / "107-127.npz"));
  const AudeoLabels read = layout.labels("training", kVideo);
  EXPECT_TRUE(torch::equal(read.frame, labels.frame));
  EXPECT_TRUE(torch::equal(read.label, labels.label));
  const auto logits = layout.segments("estimate_Roll", "training", kVideo, "logit");
  EXPECT_TRUE(torch::equal(join_segments(logits, kVideo), formula(3)));
  const auto roll = layout.segments("estimate_Roll", "training", kVideo, "roll");
  EXPECT_TRUE(torch::equal(join_segments(roll, kVideo), formula(0).to(torch::kLong)));
}

TEST_F(AudeoFolder, GivesBackNotesAndSound) {
  const AudeoLayout layout(root_);
  const music::Notes notes = {{0.04, 0.4, 60, 100}, {0.4, 1.0, 64, 70}};
  layout.write_transcription(kVideo, notes);
  EXPECT_TRUE(fs::exists(root_ / "OF_midi_files" / (kVideo + ".mid")));
  EXPECT_EQ(layout.transcription(kVideo), notes);
  layout.write_sound(kVideo, {16000, 1, {0, 0.5F, -0.5F, 0.25F}});
  EXPECT_TRUE(fs::exists(root_ / "Midi_Synth" / (kVideo + ".wav")));
  EXPECT_EQ(layout.sound(kVideo).samples, (std::vector<float>{0, 0.5F, -0.5F, 0.25F}));
  EXPECT_NE(error_of([&] { layout.sound("other"); }).find("other.wav"), std::string::npos);
}

#ifdef MMI_WITH_MEDIA
TEST(AudeoLayout, ReadsStillsThatPythonWrote) {
  for (const auto& frame : published().frames("testing", kVideo)) {
    const torch::Tensor still = read_frame(frame);
    EXPECT_EQ(still.sizes().vec(), (std::vector<std::int64_t>{8, 16}));
    EXPECT_LE((still.to(torch::kInt) - frame.number % 256).abs().max().item<int>(), 1);
  }
}

TEST_F(AudeoFolder, GivesBackStillsUpToJpeg) {
  const AudeoLayout layout(root_);
  const torch::Tensor ramp = torch::arange(0, 128).mul(2).to(torch::kUInt8).expand({100, 128});
  layout.write_frame("training", kVideo, 12, ramp);
  layout.write_frame("training", kVideo, 7, ramp.flip(1));
  const auto frames = layout.frames("training", kVideo);
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[1].path, root_ / "input_images/training" / kVideo / "frame12.jpg");
  const torch::Tensor difference = read_frame(frames[1]).to(torch::kFloat) - ramp;
  EXPECT_LE(difference.abs().mean().item<double>(), 2);
  EXPECT_THROW(layout.write_frame("training", kVideo, 1, torch::rand({4, 4})), ShapeError);
}
#endif

TEST_F(AudeoFolder, ListsVideosFromLabelsWhereThereAreNoStills) {
  const AudeoLayout layout(root_);
  const AudeoLabels labels{torch::arange(kFrames), formula(0)};
  for (const char* name : {"No.10 x", "free fantasy", "No.9 x"}) {
    layout.write_labels("testing", name, labels);
  }
  touch("labels/testing/No.9 x.pkl");
  EXPECT_EQ(
      layout.videos("testing"), (std::vector<std::string>{"No.9 x", "No.10 x", "free fantasy"}));
}

TEST_F(AudeoFolder, SaysWhatIsMissing) {
  const AudeoLayout layout(root_);
  EXPECT_NE(error_of([&] { layout.videos("testing"); }).find(root_), std::string::npos);
  touch("labels/testing/a.pkl");
  EXPECT_NE(error_of([&] { layout.labels("testing", "a"); }).find("pickle"), std::string::npos);
  EXPECT_NE(error_of([&] { layout.labels("testing", "b"); }).find("b.npz"), std::string::npos);
  fs::create_directories(root_ / "input_images/testing/a");
  EXPECT_NE(
      error_of([&] { layout.frames("testing", "a"); }).find("frame<N>.jpg"), std::string::npos);
  const auto wrong_key = [] { published().segments("midi", "testing", kVideo, "roll"); };
  EXPECT_NE(error_of(wrong_key).find("only midi"), std::string::npos);
}

TEST_F(AudeoFolder, RejectsContradictoryFiles) {
  const AudeoLayout layout(root_);
  touch("input_images/testing/a/frame1.jpg");
  touch("input_images/testing/a/frame1.png");
  EXPECT_NE(error_of([&] { layout.frames("testing", "a"); }).find("twice"), std::string::npos);
  layout.write_labels("testing", "a", {torch::tensor({3, 3}), torch::zeros({2, 88})});
  EXPECT_NE(error_of([&] { layout.labels("testing", "a"); }).find("twice"), std::string::npos);
  EXPECT_THROW(
      layout.write_labels("testing", "b", {torch::tensor({3}), torch::zeros({2, 88})}), DataError);
  layout.write_segments("midi", "testing", "a", 0, {{"midi", torch::zeros({120, 88})}});
  fs::remove(root_ / "midi/testing/a/50-100.npz");
  const auto gap = [&] { join_segments(layout.segments("midi", "testing", "a", "midi"), "a"); };
  EXPECT_NE(error_of(gap).find("must start at frame 50"), std::string::npos);
  fs::rename(root_ / "midi/testing/a/0-50.npz", root_ / "midi/testing/a/0-10.npz");
  EXPECT_NE(error_of(gap).find("F in 1..10"), std::string::npos);
}

TEST_F(AudeoFolder, IgnoresForeignFiles) {
  touch("input_images/testing/a/frame3.jpg");
  touch("input_images/testing/a/Thumbs.db");
  touch("input_images/testing/a/framex.jpg");
  touch("input_images/testing/a/frame-1.jpg");
  touch("input_images/testing/readme.txt");
  const AudeoLayout layout(root_);
  EXPECT_EQ(layout.videos("testing"), std::vector<std::string>{"a"});
  EXPECT_EQ(layout.frames("testing", "a").size(), 1U);
}

}  // namespace
}  // namespace mmi::data::formats
