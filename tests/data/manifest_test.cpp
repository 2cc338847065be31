#include "mmi/data/manifest.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/io/audio.h"
#include "mmi/io/video.h"

namespace mmi::data {
namespace {

namespace fs = std::filesystem;

/// `text` holds `part`.
testing::AssertionResult has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos
             ? testing::AssertionSuccess()
             : testing::AssertionFailure() << "no \"" << part << "\" in: " << text;
}

class ManifestTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "clips");
    std::vector<float> ramp(16000);
    for (std::size_t i = 0; i < ramp.size(); ++i) {
      ramp[i] = static_cast<float>(i) / 16000;
    }
    io::write_wav(folder_ / "clips/a.wav", ramp, 1, 8000, io::WavType::kFloat32);
  }

  ManifestConfig config(const std::string& lines) const {
    atomic_write(folder_ / "list.jsonl", lines);
    ManifestConfig made;
    made.file = (folder_ / "list.jsonl").string();
    made.media = ManifestMedia::kAudio;
    return made;
  }

  std::string problem(const ManifestConfig& config) const {
    try {
      Manifest made(config);
      Rng rng(0);
      made.get(0, rng);
    } catch (const DataError& error) {
      return error.what();
    }
    return "none";
  }

  fs::path folder_ =
      fs::path(testing::TempDir()) / testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(ManifestTest, ClipsOfSoundWithWhatTheLineSays) {
  const Manifest data(config(
      R"({"id": "one", "path": "clips/a.wav", "start_s": 0.5, "duration_s": 0.25, "split": "train", "labels": [0, 1, 1]}
{"path": "clips/a.wav", "split": "train", "labels": [1, 0, 0], "label": 3, "weight": 0.5, "words": ["a", "b"]}

{"id": "three", "path": "clips/a.wav", "split": "test", "labels": [0, 0, 0]})"));
  ASSERT_EQ(data.size(), 3);
  Rng rng(0);
  const TensorDict one = data.get(0, rng);
  EXPECT_EQ(one.strings("id")[0], "one");
  EXPECT_EQ(one.integer("sample_rate_hz"), 8000);
  ASSERT_EQ(one.tensor("audio").sizes(), (std::vector<std::int64_t>{1, 2000}));
  EXPECT_EQ(one.tensor("audio")[0][0].item<float>(), 0.25F);
  const TensorDict two = data.get(1, rng);
  EXPECT_EQ(two.tensor("audio").size(1), 16000);
  EXPECT_EQ(two.integer("label"), 3);
  EXPECT_EQ(two.tensor("weight").item<float>(), 0.5F);
  EXPECT_EQ(two.strings("words").size(), 2);
  EXPECT_EQ(data.labels().sum().item<std::int64_t>(), 3);
  EXPECT_EQ(data.labels().sizes(), (std::vector<std::int64_t>{3, 3}));
}

TEST_F(ManifestTest, ASplitAndAFingerprintOfTheContent) {
  const std::string lines = R"({"path": "clips/a.wav", "split": "train"}
{"id": "b", "path": "clips/a.wav", "split": "test"})";
  ManifestConfig chosen = config(lines);
  chosen.split = "test";
  const Manifest data(chosen);
  EXPECT_EQ(data.size(), 1);
  EXPECT_FALSE(data.labels().defined());
  EXPECT_EQ(data.fingerprint(), Manifest(chosen).fingerprint());
  EXPECT_NE(data.fingerprint(), Manifest(config(lines)).fingerprint());
  chosen.split = "valid";
  EXPECT_TRUE(
      has(problem(chosen), "no line of the split \"valid\"; its splits: \"test\", \"train\""));
}

TEST_F(ManifestTest, EveryWrongLineIsNamedAtOnce) {
  const std::string text = problem(config(R"({"path": "clips/a.wav"}
{"path": "clips/missing.wav"}
[1]
{"path": "../secret.wav"}
{"path": "/etc/passwd"}
{"path": "clips/a.wav", "start_s": -1}
{"path": "clips/a.wav", "start_s": 1, "box": {"x": 1}}
{"path": "clips/a.wav"}
{"id": "x"}
{)"));
  for (const char* part :
       {"list.jsonl:2: clips/missing.wav: no such file",
        "list.jsonl:3: a line must be an object",
        "list.jsonl:4: ../secret.wav leaves the folder of the manifest",
        "list.jsonl:5: /etc/passwd leaves the folder",
        "list.jsonl:6: \"start_s\" must be a number of seconds",
        "list.jsonl:7: \"box\" must be a string, a number or a list",
        "list.jsonl:8: the id \"clips/a.wav@0\" is that of line 1 too",
        "list.jsonl:9: \"path\" is missing",
        "list.jsonl:10: not JSON"}) {
    EXPECT_TRUE(has(text, part));
  }
  EXPECT_TRUE(has(problem(config("")), "it is empty"));
}

TEST_F(ManifestTest, ALinkOutOfTheRootIsRefusedUnlessAllowed) {
  io::write_wav(folder_.parent_path() / "outside.wav", std::vector<float>(100), 1, 8000);
  fs::create_symlink(folder_.parent_path() / "outside.wav", folder_ / "clips/link.wav");
  ManifestConfig chosen = config(R"({"path": "clips/link.wav"})");
  EXPECT_TRUE(has(problem(chosen), "leaves the folder"));
  chosen.allow_outside_root = true;
  EXPECT_EQ(Manifest(chosen).size(), 1);
}

TEST_F(ManifestTest, AClipBeyondTheEndNamesTheLine) {
  const std::string text =
      problem(config(R"({"path": "clips/a.wav", "start_s": 1.5, "duration_s": 1})"));
  EXPECT_TRUE(has(text, "list.jsonl:1: 1.000 s from 1.500 s on are wanted"));
}

TEST_F(ManifestTest, FramesOfAVideo) {
  ManifestConfig chosen = config(R"({"path": "clips/v.mkv", "start_s": 0.4, "duration_s": 0.2})");
  try {
    io::VideoWriterOptions options;
    options.color = io::Color::kGray;
    options.codec = io::VideoCodec::kFfv1;
    io::VideoWriter writer(folder_ / "clips/v.mkv", 20, 10, 25, options);
    for (int i = 0; i < 25; ++i) {
      writer.write(std::vector<std::uint8_t>(200, static_cast<std::uint8_t>(10 * i)));
    }
    writer.finish();
  } catch (const NotBuiltError&) {
    GTEST_SKIP() << "a build without media";
  }
  chosen.media = ManifestMedia::kVideo;
  chosen.color = io::Color::kGray;
  Rng rng(0);
  const torch::Tensor frames = Manifest(chosen).get(0, rng).tensor("frames");
  ASSERT_EQ(frames.sizes(), (std::vector<std::int64_t>{5, 10, 20}));
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE((frames[i] == 10 * (10 + i)).all().item<bool>()) << i;
  }
  chosen.color = io::Color::kRgb;
  chosen.height = 8;
  chosen.width = 16;
  EXPECT_EQ(
      Manifest(chosen).get(0, rng).tensor("frames").sizes(),
      (std::vector<std::int64_t>{5, 3, 8, 16}));
  chosen = config(R"({"path": "clips/v.mkv", "start_s": 0.9, "duration_s": 0.2})");
  chosen.media = ManifestMedia::kVideo;
  EXPECT_TRUE(has(problem(chosen), "list.jsonl:1: frames 23 to 28 are wanted"));
}

}  // namespace
}  // namespace mmi::data
