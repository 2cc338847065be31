#include "mmi/io/video.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "helpers.h"
#include "mmi/base/files.h"
#include "mmi/base/rng.h"
#include "mmi/io/npy.h"

namespace mmi::io {
namespace {

using Bytes = std::vector<std::uint8_t>;

class Video : public test::InFolder {};

#ifdef MMI_WITH_MEDIA
/// Smooth moving shapes with sharp edges and some noise, like a filmed keyboard.
Image scene(int t, int height, int width, int channels) {
  Image image{height, width, channels, {}};
  image.data.reserve(static_cast<std::size_t>(height * width * channels));
  Rng rng(static_cast<std::uint64_t>(t));
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) {
        const bool key = ((x + 3 * t) / 9) % 3 == 0 && y < height / 2;
        const double value = (key ? 20 : 200) + 40 * std::sin(0.05 * (y + 10 * c + t));
        image.data.push_back(static_cast<std::uint8_t>(
            std::clamp(value + static_cast<double>(rng.integer(9)) - 4, 0.0, 255.0)));
      }
    }
  }
  return image;
}

double mean_difference(const Bytes& a, const Bytes& b) {
  EXPECT_EQ(a.size(), b.size());
  double sum = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    sum += std::abs(static_cast<int>(a[i]) - static_cast<int>(b[i]));
  }
  return sum / static_cast<double>(a.size());
}

void write_scene(
    const std::filesystem::path& path,
    int n_frames,
    int height,
    int width,
    double fps,
    const VideoWriterOptions& options) {
  VideoWriter writer(path, width, height, fps, options);
  for (int t = 0; t < n_frames; ++t) {
    writer.write(scene(t, height, width, options.color == Color::kGray ? 1 : 3).data);
  }
  writer.finish();
}

std::vector<VideoFrame> all_frames(VideoReader& reader) {
  std::vector<VideoFrame> frames;
  for (VideoFrame frame; reader.next(frame);) {
    frames.push_back(frame);
  }
  return frames;
}

VideoWriterOptions lossless(Color color) {
  VideoWriterOptions options;
  options.color = color;
  options.codec = VideoCodec::kH264Lossless;
  options.preset = "veryfast";
  return options;
}

int level_index(const VideoFrame& frame) {
  return (frame.data[static_cast<std::size_t>(8 * frame.width + 16)] - 10 + 2) / 5;
}

TEST_F(Video, GrayFramesInALosslessMp4ComeBackExactly) {
  write_scene(file("g.mp4"), 12, 120, 320, 25, lossless(Color::kGray));
  VideoReader reader(file("g.mp4"), {.color = Color::kGray});
  EXPECT_EQ(reader.info().width, 320);
  EXPECT_EQ(reader.info().height, 120);
  EXPECT_EQ(reader.info().frame_count, 12);
  EXPECT_EQ(reader.info().codec, "h264");
  EXPECT_FALSE(reader.info().has_audio);
  EXPECT_NEAR(reader.info().fps, 25, 1e-9);
  EXPECT_NEAR(reader.info().duration_s, 0.48, 1e-6);
  const auto frames = all_frames(reader);
  ASSERT_EQ(frames.size(), 12U);
  for (int t = 0; t < 12; ++t) {
    const auto& frame = frames[static_cast<std::size_t>(t)];
    EXPECT_EQ(frame.index, t);
    EXPECT_NEAR(frame.pts_s, t / 25.0, 1e-6);
    EXPECT_EQ(frame.channels, 1);
    EXPECT_EQ(frame.data, scene(t, 120, 320, 1).data) << t;
  }
  EXPECT_EQ(files_in_folder(), 1U);
}

TEST_F(Video, CropAndResizeFromDiskEqualThoseFromMemory) {
  write_scene(file("g.mp4"), 4, 260, 1280, 25, lossless(Color::kGray));
  VideoReader reader(
      file("g.mp4"),
      {.crop = CropBox{40, 30, 1240, 190}, .width = 900, .height = 100, .color = Color::kGray});
  EXPECT_EQ(reader.width(), 900);
  EXPECT_EQ(reader.height(), 100);
  EXPECT_EQ(reader.channels(), 1);
  const auto frames = all_frames(reader);
  ASSERT_EQ(frames.size(), 4U);
  for (int t = 0; t < 4; ++t) {
    const Image whole = scene(t, 260, 1280, 1);
    Image part{160, 1200, 1, {}};
    for (int y = 30; y < 190; ++y) {
      const auto row = whole.data.begin() + y * 1280;
      part.data.insert(part.data.end(), row + 40, row + 1240);
    }
    const auto& frame = frames[static_cast<std::size_t>(t)];
    EXPECT_LE(mean_difference(frame.data, resize_area(part, 100, 900).data), 0.0);
  }
}

TEST_F(Video, ColorIsExactInLosslessFiles) {
  write_scene(file("c.mp4"), 5, 50, 70, 30, lossless(Color::kRgb));
  VideoWriterOptions ffv1;
  ffv1.codec = VideoCodec::kFfv1;
  write_scene(file("c.mkv"), 5, 51, 71, 30, ffv1);
  VideoReader mp4(file("c.mp4"));
  VideoReader mkv(file("c.mkv"));
  const auto a = all_frames(mp4);
  const auto b = all_frames(mkv);
  ASSERT_EQ(a.size(), 5U);
  ASSERT_EQ(b.size(), 5U);
  for (int t = 0; t < 5; ++t) {
    EXPECT_EQ(a[static_cast<std::size_t>(t)].data, scene(t, 50, 70, 3).data);
    EXPECT_EQ(b[static_cast<std::size_t>(t)].data, scene(t, 51, 71, 3).data);
  }
}

TEST_F(Video, LossyFilesAreCloseInLevelForGrayAndColor) {
  for (const Color color : {Color::kGray, Color::kRgb}) {
    for (const int width : {96, 97}) {
      VideoWriterOptions options;
      options.color = color;
      options.crf = 8;
      write_scene(file("l.mp4"), 6, 64, width, 25, options);
      VideoReader reader(file("l.mp4"), {.color = color});
      const auto frames = all_frames(reader);
      ASSERT_EQ(frames.size(), 6U);
      const int channels = color == Color::kGray ? 1 : 3;
      EXPECT_LT(mean_difference(frames[3].data, scene(3, 64, width, channels).data), 2.5) << width;
    }
  }
}

TEST_F(Video, ColorsOfCommonFilesEqualFfmpegAndGrayEqualsPil) {
  for (const char* kind : {"bt601", "bt709", "full"}) {
    const std::string name = std::string("color_") + kind;
    VideoReader color(test::data(name + ".mp4"));
    VideoReader gray(test::data(name + ".mp4"), {.color = Color::kGray});
    const auto rgb = all_frames(color);
    const auto luma = all_frames(gray);
    ASSERT_EQ(rgb.size(), 3U);
    EXPECT_LT(mean_difference(rgb[1].data, read_npy(test::data(name + ".npy")).bytes), 1.0) << kind;
    EXPECT_LT(mean_difference(luma[1].data, read_npy(test::data(name + "_gray.npy")).bytes), 1.0)
        << kind;
  }
}

TEST_F(Video, SeekingGivesTheBytesOfSequentialReading) {
  VideoWriterOptions options;
  options.keyframe_interval = 12;
  for (const char* name : {"s.mp4", "s.mkv"}) {
    write_scene(file(name), 60, 48, 64, 25, options);
    VideoReader sequential(file(name));
    const auto frames = all_frames(sequential);
    ASSERT_EQ(frames.size(), 60U);
    VideoReader reader(file(name));
    Rng rng(9);
    VideoFrame frame;
    for (int round = 0; round < 40; ++round) {
      const std::int64_t wanted = rng.integer(60);
      reader.seek_frame(wanted);
      for (std::int64_t i = wanted; i < std::min<std::int64_t>(wanted + 2, 60); ++i) {
        ASSERT_TRUE(reader.next(frame));
        EXPECT_EQ(frame.index, i);
        EXPECT_EQ(frame.pts_s, frames[static_cast<std::size_t>(i)].pts_s);
        EXPECT_EQ(frame.data, frames[static_cast<std::size_t>(i)].data) << name << " " << i;
      }
    }
    reader.seek_frame(60);
    EXPECT_FALSE(reader.next(frame));
    reader.seek_frame(0);
    ASSERT_TRUE(reader.next(frame));
    EXPECT_EQ(frame.data, frames[0].data);
    reader.seek_time(frames[17].pts_s);
    ASSERT_TRUE(reader.next(frame));
    EXPECT_EQ(frame.index, 17);
    reader.seek_time(frames[17].pts_s + 0.039);
    ASSERT_TRUE(reader.next(frame));
    EXPECT_EQ(frame.index, 17);
    reader.seek_time(1e9);
    EXPECT_FALSE(reader.next(frame));
    EXPECT_ERROR(reader.seek_frame(61), ConfigError, "frame 61 does not exist; there are 60");
    VideoReader late(file(name), {.start_s = 2.0});
    ASSERT_TRUE(late.next(frame));
    EXPECT_EQ(frame.index, 50);
    EXPECT_EQ(frame.data, frames[50].data);
  }
}

TEST_F(Video, ResamplingInTimePicksTheFramesOfFfmpeg) {
  const auto picks = nlohmann::json::parse(read_text(test::data("fps_picks.json")));
  const std::map<std::string, double> rates{
      {"25", 25}, {"60", 60}, {"10", 10}, {"24000/1001", 24000.0 / 1001}};
  for (const char* name : {"levels", "uneven"}) {
    for (const auto& [text, fps] : rates) {
      const auto& expected = picks[std::string(name) + " " + text];
      VideoReader reader(
          test::data(std::string(name) + ".mp4"), {.color = Color::kGray, .fps = fps});
      EXPECT_EQ(reader.fps(), fps);
      EXPECT_EQ(reader.frame_count(), static_cast<std::int64_t>(expected.size())) << name << text;
      const auto frames = all_frames(reader);
      ASSERT_EQ(frames.size(), expected.size()) << name << " " << text;
      for (std::size_t i = 0; i < frames.size(); ++i) {
        EXPECT_EQ(level_index(frames[i]), expected[i].get<int>())
            << name << " " << text << " " << i;
        EXPECT_DOUBLE_EQ(frames[i].pts_s, static_cast<double>(i) / fps);
      }
      VideoFrame frame;
      for (const std::int64_t wanted : {20, 3, 4, 3, 31}) {
        if (wanted < reader.frame_count()) {
          reader.seek_frame(wanted);
          ASSERT_TRUE(reader.next(frame));
          EXPECT_EQ(frame.index, wanted);
          EXPECT_EQ(level_index(frame), expected[static_cast<std::size_t>(wanted)].get<int>());
        }
      }
    }
  }
}

Audio tone(int sample_rate_hz, double duration_s) {
  Audio audio{sample_rate_hz, 1, {}};
  // Silence, then 880 Hz from 0.5 s on.
  for (int i = 0; i < static_cast<int>(duration_s * sample_rate_hz); ++i) {
    const double t = static_cast<double>(i) / sample_rate_hz;
    audio.samples.push_back(
        t < 0.5 ? 0.0F : static_cast<float>(0.4 * std::sin(2 * M_PI * 880 * t)));
  }
  return audio;
}

double onset_s(const Audio& audio) {
  for (std::size_t i = 0; i < audio.samples.size(); ++i) {
    if (std::abs(audio.samples[i]) > 0.1F) {
      return static_cast<double>(i) / audio.sample_rate_hz / audio.channels;
    }
  }
  return -1;
}

double rms(const Audio& audio, double from_s, double to_s) {
  double sum = 0;
  const auto begin = static_cast<std::size_t>(from_s * audio.sample_rate_hz);
  const auto end = static_cast<std::size_t>(to_s * audio.sample_rate_hz);
  for (std::size_t i = begin; i < end; ++i) {
    sum += audio.samples.at(i) * audio.samples.at(i);
  }
  return std::sqrt(sum / static_cast<double>(end - begin));
}

TEST_F(Video, SoundTrackKeepsItsTimesAndLevel) {
  VideoWriterOptions options = lossless(Color::kGray);
  for (const char* name : {"a.mp4", "a.mkv"}) {
    options.audio = tone(44100, 2.0);
    write_scene(file(name), 50, 32, 64, 25, options);
    VideoReader reader(file(name), {.color = Color::kGray});
    EXPECT_TRUE(reader.info().has_audio);
    EXPECT_EQ(all_frames(reader).size(), 50U);
    const Audio sound = read_audio(file(name));
    EXPECT_EQ(sound.sample_rate_hz, 44100);
    EXPECT_NEAR(sound.duration_s(), 2.0, 0.05) << name;
    EXPECT_NEAR(onset_s(sound), 0.5, 0.005) << name;
    EXPECT_NEAR(rms(sound, 0.7, 1.8), 0.4 / std::sqrt(2.0), 0.02) << name;
    const Audio part = read_audio(file(name), {0.9, 0.5});
    EXPECT_EQ(part.length(), 22050);
    const Bytes expected = test::bytes_of(
        std::vector<float>(sound.samples.begin() + 39690, sound.samples.begin() + 61740));
    EXPECT_EQ(test::bytes_of(part.samples), expected);
  }
}

TEST_F(Video, MuxingReplacesTheSoundAndCopiesThePicture) {
  VideoWriterOptions options;
  options.audio = Audio{22050, 2, std::vector<float>(88200, 0.01F)};
  write_scene(file("silent.mp4"), 50, 32, 64, 25, options);
  mux_audio(file("silent.mp4"), tone(8123, 3.0), file("loud.mp4"));
  VideoReader before(file("silent.mp4"));
  VideoReader after(file("loud.mp4"));
  const auto a = all_frames(before);
  const auto b = all_frames(after);
  ASSERT_EQ(a.size(), 50U);
  ASSERT_EQ(b.size(), 50U);
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].data, b[i].data);
    EXPECT_NEAR(a[i].pts_s, b[i].pts_s, 1e-6);
  }
  const Audio sound = read_audio(file("loud.mp4"));
  EXPECT_EQ(sound.channels, 1);
  EXPECT_EQ(sound.sample_rate_hz, 11025) << "AAC has no 8123 Hz";
  EXPECT_NEAR(sound.duration_s(), 3.0, 0.2);
  EXPECT_NEAR(onset_s(sound), 0.5, 0.01);
  mux_audio(file("loud.mp4"), tone(16000, 1.0), file("loud.mp4"));
  EXPECT_EQ(read_audio(file("loud.mp4")).sample_rate_hz, 16000);
  EXPECT_EQ(files_in_folder(), 2U);
}

/// A suite is a process: with what other cases leave on the heap, x264's slower presets may choose
/// other bytes (they seem to read memory that they have not set; ultrafast does not).
class VideoInAFreshProcess : public Video {};

TEST_F(VideoInAFreshProcess, WritingTwiceGivesTheSameBytes) {
  VideoWriterOptions options;
  options.audio = tone(16000, 0.5);
  write_scene(file("a.mp4"), 10, 32, 64, 25, options);
  options.audio = tone(16000, 0.5);
  write_scene(file("b.mp4"), 10, 32, 64, 25, options);
  EXPECT_EQ(read_bytes(file("a.mp4")), read_bytes(file("b.mp4")));
}

TEST_F(Video, AFileThatIsNoVideoGetsOneSentence) {
  atomic_write(file("x.mp4"), std::string_view("These are words, not pictures.\n"));
  testing::internal::CaptureStderr();
  EXPECT_ERROR(VideoReader(file("x.mp4")), DataError, "x.mp4 is not a video that can be read: ");
  atomic_write(file("list.mp4"), std::string_view("ffconcat version 1.0\nfile x.mp4\n"));
  EXPECT_ERROR(VideoReader(file("list.mp4")), DataError, "is not a video that can be read");
  atomic_write(
      file("p.m3u8"), std::string_view("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nx.ts\n"));
  EXPECT_ERROR(VideoReader(file("p.m3u8")), DataError, "is not a video that can be read");
  EXPECT_ERROR(VideoReader(file("none.mp4")), DataError, "none.mp4 is not a file: check the path");
  EXPECT_ERROR(VideoReader(test::data("tone.mp3")), DataError, "tone.mp3 holds no video stream");
  const auto whole = read_bytes(test::data("levels.mp4"));
  atomic_write(file("cut.mp4"), std::span(whole.data(), whole.size() / 2));
  EXPECT_ERROR(VideoReader(file("cut.mp4")), DataError, "cut.mp4 is not a video that can be read");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "") << "FFmpeg printed something";
}

TEST_F(Video, DamagedFilesGiveFramesOrADataError) {
  const auto whole = read_bytes(test::data("levels.mp4"));
  Rng rng(12);
  for (int round = 0; round < 60; ++round) {
    auto changed = whole;
    for (int i = 0; i < 8; ++i) {
      changed[static_cast<std::size_t>(rng.integer(static_cast<std::int64_t>(whole.size())))] =
          static_cast<std::uint8_t>(rng.integer(256));
    }
    atomic_write(file("d.mp4"), changed);
    try {
      VideoReader reader(file("d.mp4"), {.color = Color::kGray, .threads = 1});
      EXPECT_LE(static_cast<std::int64_t>(all_frames(reader).size()), reader.frame_count());
    } catch (const DataError&) {
    }
  }
}

TEST_F(Video, WrongOptionsAreNamed) {
  const auto path = test::data("levels.mp4");
  EXPECT_ERROR(
      VideoReader(path, {.crop = CropBox{0, 0, 33, 16}}), ConfigError, "0,0,33,16 (x1,y1,x2,y2)");
  EXPECT_ERROR(VideoReader(path, {.fps = -1}), ConfigError, "at -1 fps");
  EXPECT_ERROR(
      VideoWriter(file("a.txt"), 8, 8, 25), ConfigError, "no video format has this suffix");
  EXPECT_ERROR(VideoWriter(file("a.mp4"), 0, 8, 25), ConfigError, "0 x 8");
  EXPECT_ERROR(
      VideoWriter(file("a.mp4"), 8, 8, 25, {.preset = "best"}), ConfigError, "no preset 'best'");
  VideoWriter writer(file("a.mp4"), 8, 8, 25);
  EXPECT_ERROR(writer.write(Bytes(63)), ShapeError, "must have 192 bytes, but has 63");
  EXPECT_ERROR(writer.finish(), ConfigError, "at least one frame");
  EXPECT_ERROR(
      mux_audio(path, {8000, 3, {0, 0, 0}}, file("m.mp4")), ConfigError, "1 or 2 channels");
}

TEST_F(Video, AnUnfinishedVideoLeavesNothing) {
  {
    VideoWriter writer(file("a.mp4"), 8, 8, 25);
    writer.write(Bytes(192));
  }
  EXPECT_EQ(files_in_folder(), 0U);
}
#else
TEST_F(Video, WithoutMediaTheOptionIsNamed) {
  EXPECT_ERROR(VideoReader(test::data("levels.mp4")), NotBuiltError, "-DMMI_MEDIA=ON");
  EXPECT_ERROR(VideoWriter(file("a.mp4"), 8, 8, 25), NotBuiltError, "-DMMI_MEDIA=ON");
  EXPECT_ERROR(mux_audio("a.mp4", {8000, 1, {0}}, "b.mp4"), NotBuiltError, "-DMMI_MEDIA=ON");
}
#endif

}  // namespace
}  // namespace mmi::io
