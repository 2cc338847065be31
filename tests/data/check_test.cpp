#include "mmi/data/check.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "mmi/base/errors.h"
#include "mmi/io/audio.h"
#include "mmi/io/image.h"

namespace mmi::data {
namespace {

/// Pictures and sound; example 7, 8, 9 and 11 are wrong in ways of their own.
class Clips : public Dataset {
 public:
  Clips(std::int64_t size, bool broken) : size_(size), broken_(broken) {}

  std::int64_t size() const override {
    return size_;
  }

  TensorDict get(std::int64_t index, Rng& rng) const override {
    if (broken_ && index == 7) {
      throw DataError("clip7.mp4: no such file");
    }
    TensorDict example;
    example.set("frames", torch::full({5, 10, 12}, index, torch::kUInt8));
    torch::Tensor sound = torch::zeros({2, 100});
    if (broken_ && index == 8) {
      sound[0][3] = NAN;
    }
    example.set("sound", broken_ && index == 9 ? torch::zeros({2, 0}) : sound);
    example.set("sample_rate_hz", std::int64_t{8000});
    if (broken_ && index == 11) {
      example.set("extra", std::vector<std::string>{"x"});
    }
    return example;
  }

  std::string fingerprint() const override {
    return "clips";
  }

  torch::Tensor labels() const override {
    return broken_ ? torch::zeros({3, 2}) : torch::Tensor();
  }

 private:
  std::int64_t size_;
  bool broken_;
};

TEST(Check, AGoodDatasetHasSamplesAndNoProblems) {
  const CheckReport report = check_dataset(Clips(20, false), "clips");
  EXPECT_TRUE(report.problems.empty());
  EXPECT_EQ(report.size, 20);
  EXPECT_EQ(report.checked, 20);
  EXPECT_EQ(report.fingerprint, "clips");
  ASSERT_EQ(report.samples.size(), 3);
  EXPECT_EQ(report.samples[1].first, 10);
  EXPECT_NE(report.samples[1].second[0].find("[5, 10, 12], 10 to 10, mean 10"), std::string::npos);
}

TEST(Check, EveryProblemIsFoundAtOnce) {
  const CheckReport report = check_dataset(Clips(20, true), "clips");
  ASSERT_EQ(report.problems.size(), 5);
  EXPECT_EQ(report.problems[0], "labels must be (20, K), one row an example, but are [3, 2]");
  EXPECT_EQ(report.problems[1], "example 7: clip7.mp4: no such file");
  EXPECT_EQ(report.problems[2], "example 8: \"sound\" has 1 values that are not finite");
  EXPECT_EQ(report.problems[3], "example 9: \"sound\" is empty: [2, 0]");
  EXPECT_EQ(report.problems[4], "example 11 has \"extra\", which earlier ones have not");
}

TEST(Check, ASeededShareIsReadUnlessAll) {
  EXPECT_EQ(check_dataset(Clips(250, false), "clips").checked, 200);
  EXPECT_EQ(check_dataset(Clips(250, false), "clips", {.limit = 0}).checked, 250);
  const auto samples = check_dataset(Clips(250, false), "clips", {.limit = 5, .seed = 3}).samples;
  EXPECT_EQ(samples, check_dataset(Clips(250, false), "clips", {.limit = 5, .seed = 3}).samples);
  EXPECT_EQ(check_dataset(Clips(0, false), "clips").problems.size(), 1);
}

TEST(Check, SamplesAreWrittenAsPictureAndSound) {
  const auto out = std::filesystem::path(testing::TempDir()) / "check";
  std::filesystem::remove_all(out);
  CheckReport report;
  try {
    report = check_dataset(Clips(20, false), "clips", {.out = out});
  } catch (const NotBuiltError&) {
    GTEST_SKIP() << "a build without media";
  }
  ASSERT_EQ(report.files.size(), 4);
  const io::Image sheet = io::read_image(out / "clips_frames.png");
  EXPECT_EQ(sheet.width, 5 * 12);
  EXPECT_EQ(sheet.height, 3 * 10);
  EXPECT_EQ(sheet.data[3 * 10 * 60], 10);
  const io::Audio sound = io::read_audio(out / "clips_10_sound.wav");
  EXPECT_EQ(sound.channels, 2);
  EXPECT_EQ(sound.length(), 100);
  EXPECT_EQ(sound.sample_rate_hz, 8000);
}

}  // namespace
}  // namespace mmi::data
