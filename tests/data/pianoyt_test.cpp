#include "mmi/data/formats/pianoyt.h"

#include <gtest/gtest.h>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"

namespace mmi::data::formats {
namespace {

class PianoYt : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(root_);
  }

  void TearDown() override {
    std::filesystem::remove_all(root_);
  }

  std::string error_of(const std::string& csv) const {
    atomic_write(root_ / "pianoyt.csv", csv);
    try {
      read_pianoyt(root_);
    } catch (const DataError& error) {
      return error.what();
    }
    return "no error";
  }

  std::filesystem::path root_ = std::filesystem::path(::testing::TempDir()) /
                                ::testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(PianoYt, ReadsAListWithoutTitles) {
  atomic_write(
      root_ / "pianoyt.csv",
      "100,https://example.org/a,1,451,583,30,1249\n7, https://example.org/b, 3, 5, 60, 0, 640\n");
  const auto videos = read_pianoyt(root_);
  ASSERT_EQ(videos.size(), 2U);
  EXPECT_EQ(videos[0].id, "100");
  EXPECT_EQ(videos[0].split, PianoYtSplit::kTrain);
  EXPECT_EQ(videos[0].crop.x1, 30);
  EXPECT_EQ(videos[0].crop.y1, 451);
  EXPECT_EQ(videos[0].crop.x2, 1249);
  EXPECT_EQ(videos[0].crop.y2, 583);
  EXPECT_EQ(videos[0].midi, root_ / "pianoyt_MIDI/audio_100.0.midi");
  EXPECT_EQ(videos[1].split, PianoYtSplit::kTest);
  EXPECT_EQ(videos[1].crop.x2, 640);
}

TEST_F(PianoYt, GivesBackWhatWasWritten) {
  const std::vector<PianoYtVideo> videos = {
      {"1", "https://example.org/?a=1,2", PianoYtSplit::kTrain, {1, 2, 3, 4}, {}},
      {"22", "x", PianoYtSplit::kTest, {0, 0, 1920, 200}, {}}};
  write_pianoyt(root_, videos);
  const std::string text = read_text(root_ / "pianoyt.csv");
  EXPECT_TRUE(text.starts_with("videoID,url,split,min_y,max_y,min_x,max_x\n")) << text;
  EXPECT_NE(text.find(",1,2,4,1,3\n"), std::string::npos) << text;  // split, y, y, x, x
  const auto read = read_pianoyt(root_);
  ASSERT_EQ(read.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(read[i].id, videos[i].id);
    EXPECT_EQ(read[i].url, videos[i].url);
    EXPECT_EQ(read[i].split, videos[i].split);
    EXPECT_EQ(read[i].crop.x1, videos[i].crop.x1);
    EXPECT_EQ(read[i].crop.y1, videos[i].crop.y1);
    EXPECT_EQ(read[i].crop.x2, videos[i].crop.x2);
    EXPECT_EQ(read[i].crop.y2, videos[i].crop.y2);
  }
}

TEST_F(PianoYt, SaysWhatIsWrong) {
  EXPECT_NE(
      error_of("1,u,1,5,60,0,640\n2,u,2,5,60,0,640\n").find("row 2: split"), std::string::npos);
  EXPECT_NE(error_of("1,u,1,60,5,0,640\n").find("row 1: the box"), std::string::npos);
  EXPECT_NE(error_of("id,u,s,a,b,c,d\n1,u,1,x,5,0,640\n").find("row 2: min_y"), std::string::npos);
  EXPECT_NE(error_of("1,u,1\n").find("must have the columns"), std::string::npos);
}

}  // namespace
}  // namespace mmi::data::formats
