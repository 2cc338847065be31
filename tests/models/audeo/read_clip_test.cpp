#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "mmi/base/errors.h"
#include "mmi/io/video.h"
#include "mmi/models/audeo/clip.h"
#include "mmi/models/audeo/performance.h"
#include "models/audeo/scene.h"

#ifdef MMI_WITH_MEDIA
namespace mmi::models::audeo {
namespace {

namespace fs = std::filesystem;

class ReadClip : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_);
  }

  void TearDown() override {
    fs::remove_all(folder_);
  }

  fs::path film(const std::vector<io::Image>& frames) const {
    const fs::path path = folder_ / "scene.mp4";
    io::VideoWriterOptions options;
    options.color = io::Color::kGray;
    options.codec = io::VideoCodec::kH264Lossless;
    io::VideoWriter writer(path, frames[0].width, frames[0].height, kFps, options);
    for (const io::Image& frame : frames) {
      writer.write(frame.data);
    }
    writer.finish();
    return path;
  }

  static std::vector<std::uint8_t> pixels(const fs::path& path, const std::string& crop) {
    GenerateRequest request;
    request.input = path;
    if (!crop.empty()) {
      request.options["crop"] = crop;
    }
    const auto clip = read_clip(request, 36, 452);
    std::vector<std::uint8_t> all(static_cast<std::size_t>(clip->frames()) * 36 * 452);
    for (std::int64_t t = 0; t < clip->frames(); ++t) {
      clip->read(t, all.data() + t * 36 * 452);
    }
    return all;
  }

  fs::path folder_ =
      fs::path(::testing::TempDir()) /
      (std::string("read_clip_") + ::testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(ReadClip, TheKeyboardIsFoundUnlessToldOtherwise) {
  const test::Scene scene = test::make_scene(3, 6);
  const fs::path path = film(scene.frames);
  const KeyboardBox box = find_keyboard(scene.frames, "frames");
  EXPECT_GE(test::iou(box, scene.box), 0.95);
  const auto found = pixels(path, "");
  EXPECT_EQ(found, pixels(path, "auto"));
  EXPECT_EQ(found, pixels(path, format("{},{},{},{}", box.x1, box.y1, box.x2, box.y2)));
  EXPECT_NE(found, pixels(path, "none"));
  EXPECT_THROW(pixels(path, "all"), ConfigError);
  EXPECT_THROW(pixels(path, "1,2,3"), ConfigError);
}

TEST_F(ReadClip, AKeyboardCropIsTakenWhole) {
  worlds::piano::PieceSpec spec;
  spec.duration_s = 2;
  const fs::path path = folder_ / "crop.mp4";
  write_clip(worlds::piano::make_piece(spec), path);  // 900 x 100
  const auto whole = pixels(path, "none");
  EXPECT_EQ(whole, pixels(path, ""));
  EXPECT_EQ(whole, pixels(path, "auto"));
}

TEST_F(ReadClip, AClipWithoutAKeyboardIsRefusedByName) {
  test::SceneOptions options;
  options.keyboard = false;
  const fs::path path = film(test::make_scene(2, 2, options).frames);
  try {
    pixels(path, "");
    FAIL() << "a keyboard was found";
  } catch (const DataError& error) {
    EXPECT_NE(
        std::string(error.what()).find("scene.mp4: no complete piano keyboard"), std::string::npos)
        << error.what();
  }
  EXPECT_FALSE(pixels(path, "none").empty());
}

}  // namespace
}  // namespace mmi::models::audeo
#endif
