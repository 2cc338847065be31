#include "mmi/models/audeo/keyboard_finder.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "mmi/base/errors.h"
#include "mmi/io/video.h"
#include "models/audeo/scene.h"

namespace mmi::models::audeo {
namespace {

std::string refusal(const std::vector<io::Image>& frames) {
  try {
    const KeyboardBox box = find_keyboard(frames, "clip");
    return format("found {},{},{},{} at {}", box.x1, box.y1, box.x2, box.y2, box.confidence);
  } catch (const DataError& error) {
    return error.what();
  }
}

constexpr const char* kNone = "clip: no complete piano keyboard is in sight";

/// MMI_SCENES=folder keeps the pictures, to look at.
void keep(const test::Scene& scene, const std::string& name) {
#ifdef MMI_WITH_MEDIA
  if (const char* folder = std::getenv("MMI_SCENES")) {
    io::write_image(std::filesystem::path(folder) / (name + ".png"), scene.frames[0]);
  }
#endif
}

double overlap(std::uint64_t seed, int frames) {
  const test::Scene scene = test::make_scene(seed, frames);
  keep(scene, format("scene{}", seed));
  KeyboardBox found;
  try {
    found = find_keyboard(scene.frames, "clip");
  } catch (const DataError& error) {
    ADD_FAILURE() << "seed " << seed << ": " << error.what();
  }
  const double value = test::iou(found, scene.box);
  std::printf(
      "  seed %2d, %d frame(s): IoU %.3f, confidence %.2f, box %d,%d,%d,%d, right is "
      "%d,%d,%d,%d\n",
      static_cast<int>(seed),
      frames,
      value,
      found.confidence,
      found.x1,
      found.y1,
      found.x2,
      found.y2,
      scene.box.x1,
      scene.box.y1,
      scene.box.x2,
      scene.box.y2);
  return value;
}

TEST(KeyboardFinder, OneFrameWithHandsIsEnough) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    EXPECT_GE(overlap(seed, 1), 0.95) << "seed " << seed;
  }
}

TEST(KeyboardFinder, SeveralFramesOfOneClip) {
  for (std::uint64_t seed = 21; seed <= 25; ++seed) {
    EXPECT_GE(overlap(seed, 5), 0.95) << "seed " << seed;
  }
}

TEST(KeyboardFinder, AnyResolutionWorks) {
  for (const int width : {640, 1920}) {
    test::SceneOptions options;
    options.width = width;
    options.height = width * 9 / 16;
    const test::Scene scene = test::make_scene(30, 1, options);
    EXPECT_GE(test::iou(find_keyboard(scene.frames, "clip"), scene.box), 0.95) << width;
  }
}

TEST(KeyboardFinder, KeysMayDifferInWidth) {
  for (std::uint64_t seed = 31; seed <= 35; ++seed) {
    test::SceneOptions options;
    options.bend = (seed % 2 == 0 ? 0.01 : -0.01) * static_cast<double>(seed - 30);
    const test::Scene scene = test::make_scene(seed, 1, options);
    const double value = test::iou(find_keyboard(scene.frames, "clip"), scene.box);
    std::printf("  seed %d, bend %.2f: IoU %.3f\n", static_cast<int>(seed), options.bend, value);
    EXPECT_GE(value, 0.95) << "seed " << seed << ", bend " << options.bend;
  }
}

TEST(KeyboardFinder, AKeyboardUpsideDownIsRefused) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    test::Scene scene = test::make_scene(seed);
    std::reverse(scene.frames[0].data.begin(), scene.frames[0].data.end());
    EXPECT_TRUE(refusal(scene.frames).starts_with("clip: the keyboard is upside down"))
        << seed << refusal(scene.frames);
  }
}

TEST(KeyboardFinder, ARoomWithoutAKeyboardIsRefused) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    test::SceneOptions options;
    options.keyboard = false;
    EXPECT_TRUE(refusal(test::make_scene(seed, 1, options).frames).starts_with(kNone)) << seed;
  }
  EXPECT_TRUE(refusal({io::Image{720, 1280, 1, std::vector<std::uint8_t>(720 * 1280, 90)}})
                  .starts_with(kNone));
}

TEST(KeyboardFinder, StripesAreRefused) {
  // As many bars as a keyboard has boundaries, without the grouping in twos and threes.
  for (const double period : {8.0, 16.0, 20.0, 24.0}) {
    io::Image image{720, 1280, 1, std::vector<std::uint8_t>(720 * 1280, 60)};
    for (int y = 300; y < 400; ++y) {
      for (int x = 100; x < 1200; ++x) {
        const bool bar = std::fmod(x, period) < 0.58 * period && y < 360;
        image.data[static_cast<std::size_t>(y * 1280 + x)] = bar ? 20 : 220;
      }
    }
    EXPECT_TRUE(refusal({image}).starts_with(kNone)) << period << refusal({image});
  }
}

TEST(KeyboardFinder, AKeyboardThatIsCutOffIsRefused) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    for (const double cut : {0.03, 0.12, 0.35}) {
      test::SceneOptions options;
      options.cut = seed % 2 == 0 ? cut : -cut;
      const test::Scene scene = test::make_scene(seed, 1, options);
      keep(scene, format("cut{}_{}", seed, cut));
      const std::string text = refusal(scene.frames);
      EXPECT_TRUE(
          text.starts_with(kNone) || text.starts_with(format(
                                         "clip: the keyboard is cut off at the {} edge",
                                         cut == options.cut ? "right" : "left")))
          << "seed " << seed << ", cut " << options.cut << ": " << text;
      if (cut < 0.15) {
        EXPECT_NE(text.find("cut off at"), std::string::npos) << seed << " " << cut;
      }
    }
  }
}

TEST(KeyboardFinder, FramesOfDifferentSizesAreRefused) {
  const io::Image a{10, 20, 1, std::vector<std::uint8_t>(200)};
  const io::Image b{20, 10, 1, std::vector<std::uint8_t>(200)};
  EXPECT_THROW(find_keyboard({a, b}, "clip"), ShapeError);
  EXPECT_THROW(find_keyboard({}, "clip"), DataError);
}

#ifdef MMI_WITH_MEDIA
TEST(KeyboardFinder, PeopleInAStreetAreRefused) {
  const char* place = std::getenv("MMI_VTEST_AVI");
  const std::filesystem::path path =
      place != nullptr ? place : "/usr/share/doc/opencv-doc/examples/data/vtest.avi";
  if (!std::filesystem::exists(path)) {
    GTEST_SKIP() << path << " comes with Debian's opencv-doc";
  }
  io::VideoOptions options;
  options.color = io::Color::kGray;
  io::VideoReader reader(path, options);
  std::vector<io::Image> frames;
  io::VideoFrame frame;
  for (int i = 0; i < 15; ++i) {
    reader.seek_frame(i * reader.frame_count() / 15);
    ASSERT_TRUE(reader.next(frame));
    frames.push_back({frame.height, frame.width, 1, frame.data});
  }
  EXPECT_TRUE(refusal(frames).starts_with(kNone));
}
#endif

}  // namespace
}  // namespace mmi::models::audeo
