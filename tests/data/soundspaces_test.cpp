#include "mmi/data/formats/soundspaces.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"

namespace mmi::data::formats {
namespace {

namespace fs = std::filesystem;

class SoundSpaces : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::path(::testing::TempDir()) /
            format(
                "soundspaces_{}_{}",
                ::testing::UnitTest::GetInstance()->current_test_info()->name(),
                static_cast<std::int64_t>(::getpid()));
    fs::remove_all(root_);
    fs::create_directories(root_);
  }

  void TearDown() override {
    fs::remove_all(root_);
  }

  void expect_error(const std::function<void()>& action, const std::string& part) const {
    try {
      action();
      ADD_FAILURE() << "nothing was thrown";
    } catch (const DataError& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  }

  void put(const std::string& name, const std::string& text) const {
    mmi::create_directories((root_ / name).parent_path());
    atomic_write(root_ / name, text);
  }

  SoundSpacesLayout layout(SoundSpacesSet set = SoundSpacesSet::kReplica) const {
    return {root_, set};
  }

  fs::path root_;
};

const io::Audio kEars{44'100, 2, {0.5F, 0.25F, -1, 0, 0.125F, 0.375F}};

TEST_F(SoundSpaces, GivesBackBothEarsAndTheirMean) {
  layout().write_rir("room_0", 90, {7, 12}, kEars);
  EXPECT_TRUE(fs::exists(root_ / "binaural_rirs/replica/room_0/90/7-12.wav"));
  EXPECT_EQ(layout().binaural("room_0", 90, {7, 12}).samples, kEars.samples);
  const io::Audio mean = layout().rir("room_0", 90, {7, 12});
  EXPECT_EQ(mean.samples, (std::vector<float>{0.375F, -0.5F, 0.25F}));
  EXPECT_EQ(mean.channels, 1);
  EXPECT_EQ(mean.sample_rate_hz, 44'100);
}

TEST_F(SoundSpaces, ListsScenesAzimuthsAndPairsByNumber) {
  for (const SoundSpacesPair pair : {SoundSpacesPair{10, 2}, {9, 100}, {9, 20}}) {
    layout().write_rir("b", 270, pair, kEars);
  }
  layout().write_rir("b", 90, {0, 0}, kEars);
  layout().write_rir("a", 0, {0, 0}, kEars);
  put("binaural_rirs/replica/b/270/x-1.wav", "x");
  put("binaural_rirs/replica/b/270/1-2.txt", "x");
  put("binaural_rirs/replica/b/270/1--2.wav", "x");
  put("binaural_rirs/replica/b/readme", "x");
  put("binaural_rirs/replica/readme", "x");
  EXPECT_EQ(layout().scenes(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(layout().azimuths("b"), (std::vector<int>{90, 270}));
  EXPECT_EQ(layout().pairs("b", 270), (std::vector<SoundSpacesPair>{{9, 20}, {9, 100}, {10, 2}}));
  expect_error([&] { layout(SoundSpacesSet::kMp3d).scenes(); }, "mp3d");
  expect_error([&] { layout().pairs("b", 0); }, "cannot be listed");
}

TEST_F(SoundSpaces, GivesBackPoints) {
  const std::vector<SoundSpacesPoint> points{
      {0, {0.1, -2.0 / 3, 1.5528907}}, {12, {1e-7, 123456.789, -0.25}}};
  layout().write_points("a", points);
  const auto read = layout().points("a");
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(read[1].id, 12);
  EXPECT_EQ(read[0].position, points[0].position);
  EXPECT_EQ(read[1].position, points[1].position);
}

TEST_F(SoundSpaces, ReadsPointsAsTheyArePublished) {
  put("metadata/mp3d/a/points.txt", "0\t-1.5\t2.25\t1.75\r\n1.0\t3\t-4\t1.5\n\n");
  const auto points = layout(SoundSpacesSet::kMp3d).points("a");
  ASSERT_EQ(points.size(), 2U);
  EXPECT_EQ(points[1].id, 1);
  EXPECT_EQ(points[0].position, (Point3{-1.5, 2.25, 1.75}));
  EXPECT_EQ(habitat_position(points[0], SoundSpacesSet::kMp3d), (Point3{-1.5, 0.25, -2.25}));
  EXPECT_EQ(habitat_position({0, {1, 2, 1.5528907}}, SoundSpacesSet::kReplica), (Point3{1, 0, -2}));
}

TEST_F(SoundSpaces, SaysWhatIsWrong) {
  io::Audio other = kEars;
  other.sample_rate_hz = 16'000;
  expect_error([&] { layout().write_rir("a", 0, {1, 2}, other); }, "at 16000 Hz");
  layout(SoundSpacesSet::kMp3d).write_rir("a", 0, {1, 2}, other);
  EXPECT_EQ(layout(SoundSpacesSet::kMp3d).rir("a", 0, {1, 2}).sample_rate_hz, 16'000);
  const fs::path path = root_ / "binaural_rirs/replica/a/0/1-2.wav";
  layout().write_rir("a", 0, {1, 2}, kEars);
  io::write_wav(path, other);
  expect_error([&] { layout().rir("a", 0, {1, 2}); }, "1-2.wav: must have 2 channels");
  io::write_wav(path, io::Audio{44'100, 1, {1, 0}});
  expect_error([&] { layout().rir("a", 0, {1, 2}); }, "has 1 of 2 samples");
  io::write_wav(path, io::Audio{44'100, 2, {}});
  expect_error([&] { layout().rir("a", 0, {1, 2}); }, "has 2 of 0 samples");
  atomic_write(path, "RIFF");
  expect_error([&] { layout().rir("a", 0, {1, 2}); }, "1-2.wav");
  expect_error([&] { layout().rir("a", 0, {2, 2}); }, "2-2.wav");
  expect_error([&] { layout().points("a"); }, "points.txt");
  for (const char* text :
       {"0\t1\t2\n",
        "0 1 2 3 4\n",
        "x 1 2 3\n",
        "0.5 1 2 3\n",
        "-1 1 2 3\n",
        "0 1 2 nan\n",
        "1e300 1 2 3\n"}) {
    put("metadata/replica/a/points.txt", std::string("0 1 2 3\n") + text);
    expect_error([&] { layout().points("a"); }, "line 2: must be id, x, y, z");
  }
  put("metadata/replica/a/points.txt", "3 1 2 3\n3 1 2 3\n");
  expect_error([&] { layout().points("a"); }, "line 2: point 3 appears twice");
  put("metadata/replica/a/points.txt", "\n");
  expect_error([&] { layout().points("a"); }, "has no points");
}

}  // namespace
}  // namespace mmi::data::formats
