#include <gtest/gtest.h>

#include <array>
#include <filesystem>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/data/formats/audeo.h"
#include "mmi/io/midi.h"
#include "mmi/io/npy.h"
#include "mmi/io/video.h"
#include "mmi/models/audeo/clip.h"
#include "mmi/models/audeo/video2roll_task.h"
#include "mmi/music/midi.h"
#include "mmi/task/tool.h"
#include "mmi/worlds/piano/keyboard.h"
#include "models/audeo/parts.h"
#include "models/audeo/scene.h"

namespace mmi::models::audeo {
namespace {

namespace fs = std::filesystem;
using data::formats::AudeoLayout;

class AudeoTools : public ::testing::Test {
 protected:
  void SetUp() override {
    register_parts();
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }

  void TearDown() override {
    fs::remove_all(folder_);
  }

  static ToolResult run(
      const std::string& name,
      const std::vector<fs::path>& inputs,
      const fs::path& out,
      const std::vector<std::string>& settings = {}) {
    config::Node node = config::Node::map();
    for (const std::string& setting : settings) {
      config::apply_override(node, setting, 0);
    }
    node.set("name", config::Node::text("audeo/" + name));
    config::Component<Tool> component;
    config::Problems problems;
    Registry<Tool>::get().read_component(component.name, component.config, node, name, problems);
    problems.throw_if_any();
    ToolCall call;
    call.inputs = inputs;
    call.out = out;
    return Registry<Tool>::get().create(component, {})->run(call);
  }

  static double value(const ToolResult& result, const std::string& name) {
    for (const auto& [key, number] : result.values) {
      if (key == name) {
        return number;
      }
    }
    ADD_FAILURE() << "no value " << name;
    return 0;
  }

  std::vector<std::string> tree() const {
    std::vector<std::string> paths;
    for (const auto& entry : fs::recursive_directory_iterator(folder_ / "data")) {
      paths.push_back(fs::relative(entry.path(), folder_ / "data").string());
    }
    return paths;
  }

  fs::path folder_ = fs::path(::testing::TempDir()) /
                     (std::string("audeo_tools_") +
                      ::testing::UnitTest::GetInstance()->current_test_info()->name());
};

/// 120 quarters a minute for two quarters, then 60.
fs::path write_tempo_change(const fs::path& folder) {
  io::MidiFile midi;
  midi.ticks_per_quarter = 480;
  midi.tempi = {{0, 500'000}, {960, 1'000'000}};
  const auto at = [&](std::int64_t tick) { return midi.seconds_of(tick); };
  midi.notes = {
      {.onset_s = at(0), .offset_s = at(480), .pitch = 60, .velocity = 90},
      {.onset_s = at(960), .offset_s = at(1440), .pitch = 62, .velocity = 40},
      {.onset_s = at(1440), .offset_s = at(1920), .pitch = 62, .velocity = 50},
      {.onset_s = at(1440), .offset_s = at(1500), .pitch = 10}};  // no key of a piano
  midi.controls = {{0.2, 0, 64, 127}, {0.9, 0, 64, 0}};
  midi.duration_s = at(1920);
  io::write_midi(folder / "piece.mid", midi);
  return folder / "piece.mid";
}

TEST_F(AudeoTools, Midi2LabelsFollowsTheTempo) {
  const fs::path midi = write_tempo_change(folder_);
  const auto result = run("midi2labels", {midi}, folder_ / "data");
  const AudeoLayout layout(folder_ / "data");
  const auto labels = layout.labels("training", "piece");
  // Ticks 960, 1440, 1920 are seconds 1, 2, 3.
  ASSERT_EQ(labels.label.size(0), 75);
  EXPECT_EQ(value(result, "frames"), 75);
  EXPECT_TRUE(torch::equal(labels.frame, torch::arange(75)));
  torch::Tensor right = torch::zeros({75, 88});
  right.select(1, 39).slice(0, 0, 12).fill_(1);  // 0.5 s
  right.select(1, 41).slice(0, 25, 75).fill_(1);
  EXPECT_TRUE(torch::equal(labels.label, right));
  const auto rolls = layout.segments("midi", "training", "piece", "midi");
  ASSERT_EQ(rolls.size(), 2U);
  EXPECT_TRUE(torch::equal(join_segments(rolls, "piece"), right));
}

TEST_F(AudeoTools, Midi2LabelsSettings) {
  const fs::path midi = write_tempo_change(folder_);
  run("midi2labels",
      {midi},
      folder_ / "data",
      {"split=testing",
       "video=Bach No.1 B2",
       "sustain=true",
       "end_one_frame_early=true",
       "velocity=true",
       "frames=100"});
  const auto labels = AudeoLayout(folder_ / "data").labels("testing", "Bach No.1 B2");
  ASSERT_EQ(labels.label.size(0), 100);
  torch::Tensor right = torch::zeros({100, 88});
  right.select(1, 39).slice(0, 0, 21).fill_(90);  // the pedal holds it to 0.9 s, frame 22
  right.select(1, 41).slice(0, 25, 49).fill_(40);
  right.select(1, 41).slice(0, 50, 74).fill_(50);
  EXPECT_TRUE(torch::equal(labels.label, right));
}

TEST_F(AudeoTools, Midi2LabelsStartsWhereTheVideoStarts) {
  const fs::path midi = write_tempo_change(folder_);
  run("midi2labels", {midi}, folder_ / "data", {"start_s=1.5"});
  const auto labels = AudeoLayout(folder_ / "data").labels("training", "piece");
  torch::Tensor right = torch::zeros({37, 88});
  right.select(1, 41).fill_(1);
  EXPECT_TRUE(torch::equal(labels.label, right));
}

TEST_F(AudeoTools, Midi2LabelsRefusesWithoutTraces) {
  const fs::path midi = write_tempo_change(folder_);
  EXPECT_THROW(run("midi2labels", {}, folder_ / "data"), ConfigError);
  EXPECT_THROW(run("midi2labels", {midi}, ""), ConfigError);
  EXPECT_THROW(run("midi2labels", {midi}, folder_ / "data", {"video=a/b"}), ConfigError);
  EXPECT_THROW(run("midi2labels", {midi}, folder_ / "data", {"split=valid"}), ConfigError);
  atomic_write(folder_ / "bad.mid", "no MIDI");
  EXPECT_THROW(run("midi2labels", {folder_ / "bad.mid"}, folder_ / "data"), DataError);
  EXPECT_FALSE(fs::exists(folder_ / "data"));
  run("midi2labels", {midi}, folder_ / "data");
  EXPECT_THROW(run("midi2labels", {midi}, folder_ / "data"), DataError);
}

#ifdef MMI_WITH_MEDIA
fs::path film(const test::Scene& scene, const fs::path& path) {
  io::VideoWriterOptions options;
  options.color = io::Color::kGray;
  options.codec = io::VideoCodec::kH264Lossless;
  io::VideoWriter writer(path, scene.frames[0].width, scene.frames[0].height, 12.5, options);
  for (const io::Image& frame : scene.frames) {
    writer.write(frame.data);
  }
  writer.finish();
  return path;
}

TEST_F(AudeoTools, Video2FramesCutsTheKeyboard) {
  const test::Scene scene = test::make_scene(4, 5);
  const fs::path video = film(scene, folder_ / "recital.mp4");
  const auto result = run("video2frames", {video}, folder_ / "data", {"width=450", "height=50"});
  // 5 frames at 12.5 a second are 10 at 25.
  EXPECT_EQ(value(result, "frames"), 10);
  const KeyboardBox box{
      static_cast<int>(value(result, "x1")),
      static_cast<int>(value(result, "y1")),
      static_cast<int>(value(result, "x2")),
      static_cast<int>(value(result, "y2"))};
  EXPECT_GE(test::iou(box, scene.box), 0.95);
  const AudeoLayout layout(folder_ / "data");
  const auto frames = layout.frames("training", "recital");
  ASSERT_EQ(frames.size(), 10U);
  EXPECT_EQ(frames.front().number, 0);
  EXPECT_EQ(frames.back().number, 9);
  io::VideoOptions options;
  options.crop = {box.x1, box.y1, box.x2, box.y2};
  options.width = 450;
  options.height = 50;
  options.color = io::Color::kGray;
  options.fps = kFps;
  io::VideoReader reader(video, options);
  reader.seek_frame(7);
  io::VideoFrame right;
  ASSERT_TRUE(reader.next(right));
  const torch::Tensor expected = torch::from_blob(right.data.data(), {50, 450}, torch::kUInt8);
  const torch::Tensor still = data::formats::read_frame(frames[7]);
  EXPECT_LE((still.to(torch::kFloat) - expected).abs().mean().item<double>(), 3);  // JPEG

  // The length of labels is that of the stills.
  const fs::path midi = write_tempo_change(folder_);
  run("midi2labels", {midi}, folder_ / "data", {"video=recital"});
  EXPECT_EQ(layout.video("training", "recital").label.size(0), 10);
}

TEST_F(AudeoTools, Video2FramesTrims) {
  worlds::piano::PieceSpec spec;
  spec.duration_s = 2;
  write_clip(worlds::piano::make_piece(spec), folder_ / "clip.mp4");
  run("video2frames", {folder_ / "clip.mp4"}, folder_ / "data", {"width=450", "height=50"});
  run("video2frames",
      {folder_ / "clip.mp4"},
      folder_ / "data",
      {"width=450", "height=50", "start_s=0.4", "end_s=1.2", "video=part", "split=testing"});
  const AudeoLayout layout(folder_ / "data");
  const auto all = layout.frames("training", "clip");
  const auto part = layout.frames("testing", "part");
  ASSERT_EQ(part.size(), 20U);
  for (const std::size_t i : {0U, 19U}) {
    EXPECT_EQ(read_bytes(part[i].path), read_bytes(all[i + 10].path));
  }
  EXPECT_THROW(
      run("video2frames",
          {folder_ / "clip.mp4"},
          folder_ / "data",
          {"start_s=100", "video=late", "crop=none"}),
      DataError);
}

TEST_F(AudeoTools, Video2FramesRefusesWithoutTraces) {
  test::SceneOptions options;
  options.keyboard = false;
  const fs::path video = film(test::make_scene(2, 2, options), folder_ / "desk.mp4");
  EXPECT_THROW(run("video2frames", {video}, folder_ / "data"), DataError);
  EXPECT_THROW(run("video2frames", {folder_ / "none.mp4"}, folder_ / "data"), DataError);
  EXPECT_FALSE(fs::exists(folder_ / "data"));
  // Cut short: some frames can be read, and are not left behind.
  auto bytes = read_bytes(video);
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(bytes.size() / 2), bytes.end() - 2000, 0);
  atomic_write(folder_ / "damaged.mp4", bytes);
  EXPECT_THROW(
      run("video2frames", {folder_ / "damaged.mp4"}, folder_ / "data", {"crop=none"}), DataError);
  EXPECT_TRUE(!fs::exists(folder_ / "data") || tree().empty());
  run("video2frames", {video}, folder_ / "data", {"crop=none"});
  EXPECT_THROW(run("video2frames", {video}, folder_ / "data", {"crop=none"}), DataError);
}

TEST_F(AudeoTools, NotesFallOntoTheirKeys) {
  music::write_notes(folder_ / "two.mid", {{0.2, 1.0, 60, 110}, {0.6, 1.4, 61, 110}});
  run("falling-notes",
      {folder_ / "two.mid"},
      folder_ / "two.mp4",
      {"width=640", "height=360", "seconds_ahead=1"});
  io::VideoReader reader(folder_ / "two.mp4");
  EXPECT_TRUE(reader.info().has_audio);
  EXPECT_EQ(reader.info().width, 640);
  EXPECT_NEAR(reader.info().fps, 25, 1e-6);
  EXPECT_EQ(reader.frame_count(), 110);  // 1.5 s before and after
  // Front of C4, and black key C#4, of a keyboard 78 pixels high: white, then lit.
  const auto pixel = [&](double time_s, double canvas_x, int y) {
    io::VideoFrame frame;
    reader.seek_frame(static_cast<std::int64_t>(1.5 * 25 + time_s * 25 + 0.5));
    EXPECT_TRUE(reader.next(frame));
    const int x = static_cast<int>(canvas_x * 640 / 900);
    const std::uint8_t* at = frame.data.data() + 3 * (y * 640 + x);
    return std::array<int, 3>{at[0], at[1], at[2]};
  };
  const double c4 = worlds::piano::key_shape(60).center;
  const double cis4 = worlds::piano::key_shape(61).center;
  const auto silent = pixel(0.0, c4 - 4, 335), lit = pixel(0.5, c4 - 4, 335);
  EXPECT_GT(silent[0], 200);
  EXPECT_LT(lit[0], silent[0] - 60);  // blue
  EXPECT_GT(lit[2], lit[0] + 50);
  const auto black = pixel(0.4, cis4, 310), orange = pixel(1.2, cis4, 310);
  EXPECT_LT(black[0], 90);
  EXPECT_GT(orange[0], black[0] + 80);
  EXPECT_GT(orange[0], orange[2] + 80);
  // 0.3 s before it sounds, the note is 0.3 of the way up.
  const auto falling = pixel(-0.1, c4, static_cast<int>(282 * 0.65));
  EXPECT_GT(falling[2], 120);

  run("falling-notes", {folder_ / "two.mid"}, folder_ / "two.png", {"still_s=0.5"});
  music::write_notes(folder_ / "silence.mid", {});
  run("falling-notes",
      {folder_ / "silence.mid"},
      folder_ / "silence.mp4",
      {"width=160", "height=90"});
  EXPECT_EQ(io::VideoReader(folder_ / "silence.mp4").frame_count(), 38);
  EXPECT_EQ(io::read_image(folder_ / "two.png").width, 1280);
  EXPECT_THROW(run("falling-notes", {folder_ / "two.mid"}, folder_ / "two.gif"), ConfigError);
  EXPECT_THROW(
      run("falling-notes", {folder_ / "two.mid"}, folder_ / "x.mp4", {"height=120"}), ConfigError);
  EXPECT_FALSE(fs::exists(folder_ / "x.mp4"));
}
#endif

}  // namespace
}  // namespace mmi::models::audeo
