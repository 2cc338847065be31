#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>

#include "helpers.h"
#include "mmi/base/files.h"
#include "mmi/base/rng.h"
#include "mmi/io/audio.h"
#include "mmi/io/video.h"

// What readers do with files that are damaged, truncated, of another type or too large.
namespace mmi::io {
namespace {

using Bytes = std::vector<std::uint8_t>;

class Damaged : public test::InFolder {
 protected:
  void write(const std::string& name, const Bytes& bytes) const {
    atomic_write(file(name), bytes);
  }
};

AudioReadOptions audio_with(OnError on_error) {
  AudioReadOptions options;
  options.on_error = on_error;
  return options;
}

TEST_F(Damaged, ATruncatedWavRaisesIsSkippedOrPadded) {
  Audio ramp{8000, 2, {}};
  for (int i = 0; i < 16000; ++i) {
    ramp.samples.push_back(static_cast<float>(i % 100) / 128);
  }
  Bytes bytes = encode_wav(ramp);
  bytes.resize(44 + 4 * 2000);
  write("cut.wav", bytes);
  EXPECT_ERROR(read_audio(file("cut.wav")), DataError, "the file ends after 8000: it is truncated");
  Damage damage;
  const Audio skipped = read_audio(file("cut.wav"), audio_with(OnError::kSkip), &damage);
  EXPECT_EQ(skipped.length(), 2000);
  EXPECT_TRUE(damage.truncated);
  EXPECT_EQ(damage.left_out, 6000);
  EXPECT_NE(damage.first.find("ends at 0.250 s of 1.000 s"), std::string::npos) << damage.first;
  const Audio padded = read_audio(file("cut.wav"), audio_with(OnError::kPad), &damage);
  EXPECT_EQ(padded.length(), 8000);
  EXPECT_EQ(padded.invalid, (std::vector<SampleRange>{{2000, 8000}}));
  EXPECT_EQ(damage.padded, 6000);
  EXPECT_TRUE(std::equal(skipped.samples.begin(), skipped.samples.end(), padded.samples.begin()));
  EXPECT_TRUE(std::all_of(
      padded.samples.begin() + 4000, padded.samples.end(), [](float x) { return x == 0; }));
}

TEST_F(Damaged, EmptyAndWrongFilesGetOneSentence) {
  write("none.wav", {});
  EXPECT_ERROR(read_audio(file("none.wav")), DataError, "none.wav is empty (0 bytes)");
  std::filesystem::create_directory(file("folder.wav"));
  EXPECT_ERROR(read_audio(file("folder.wav")), DataError, "folder.wav is not a file");
  write("picture.wav", read_bytes(test::data("rgb.png")));
  EXPECT_ERROR(read_audio(file("picture.wav")), DataError, "picture.wav is not a WAV file");
  atomic_write(file("text.wav"), std::string_view("words\n"));
  EXPECT_ERROR(read_audio(file("text.wav")), DataError, "text.wav is not a WAV file");
}

TEST_F(Damaged, SoundBeyondTenMinutesIsStreamed) {
  const Audio sound{4, 1, std::vector<float>(2401, 0.5F)};
  write_wav(file("long.wav"), sound);
  EXPECT_ERROR(read_audio(file("long.wav")), DataError, "more sound than may be read at once (600");
  EXPECT_EQ(read_audio(file("long.wav"), {0.25}).length(), 2400);
  AudioReader reader(file("long.wav"));
  EXPECT_EQ(reader.duration_s(), 600.25);
  std::vector<float> all;
  for (Audio piece; reader.next(piece, 7);) {
    EXPECT_LE(piece.length(), 28);
    all.insert(all.end(), piece.samples.begin(), piece.samples.end());
  }
  EXPECT_EQ(all, sound.samples);
  Audio piece;
  EXPECT_ERROR(reader.next(piece, 601), ConfigError, "at most 600 s");
}

#ifdef MMI_WITH_MEDIA
/// 60 numbered frames of 64 x 48 with a keyframe every 10, all different.
void write_clip(const std::filesystem::path& path, VideoCodec codec = VideoCodec::kH264) {
  VideoWriterOptions options;
  options.color = Color::kGray;
  options.codec = codec;
  options.keyframe_interval = 10;
  options.preset = "veryfast";
  VideoWriter writer(path, 64, 48, 25, options);
  for (int t = 0; t < 60; ++t) {
    Rng rng(static_cast<std::uint64_t>(t));
    Bytes frame(64 * 48);
    for (std::size_t i = 0; i < frame.size(); ++i) {
      frame[i] = static_cast<std::uint8_t>(2 * t + 40 + rng.integer(50));
    }
    writer.write(frame);
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

VideoOptions gray(OnError on_error, double fps = 0) {
  VideoOptions options;
  options.color = Color::kGray;
  options.on_error = on_error;
  options.fps = fps;
  return options;
}

/// Zeroes a stretch in the middle of the file's media data.
Bytes with_hole(Bytes bytes, double where, std::size_t n) {
  const auto begin = static_cast<std::size_t>(where * static_cast<double>(bytes.size()));
  std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(begin), n, std::uint8_t{0});
  return bytes;
}

TEST_F(Damaged, AHoleInAVideoRaisesIsSkippedOrPadded) {
  for (const char* name : {"h.mp4", "h.mkv"}) {
    // H.264 has no checksums, so that its test is one of lengths; FFV1's slices have.
    const bool exact = std::string(name) == "h.mkv";
    write_clip(file(name), exact ? VideoCodec::kFfv1 : VideoCodec::kH264);
    VideoReader whole(file(name), gray(OnError::kRaise));
    const auto good = all_frames(whole);
    ASSERT_EQ(good.size(), 60U);
    EXPECT_FALSE(whole.damage().any());
    write(name, with_hole(read_bytes(file(name)), 0.45, exact ? 30 : 300));

    VideoReader raising(file(name), gray(OnError::kRaise));
    EXPECT_ERROR(all_frames(raising), DataError, "video stream 0 is damaged near ");
    // Asking again does not step over it.
    EXPECT_ERROR(all_frames(raising), DataError, "video stream 0 is damaged near ");

    VideoReader skipping(file(name), gray(OnError::kSkip));
    const auto kept = all_frames(skipping);
    EXPECT_LT(kept.size(), 60U) << name;
    EXPECT_GT(kept.size(), exact ? 49U : 30U) << name;
    EXPECT_EQ(skipping.damage().left_out, 60 - static_cast<std::int64_t>(kept.size()));
    EXPECT_GT(skipping.damage().packets, 0);
    for (const VideoFrame& frame : kept) {
      EXPECT_EQ(frame.data, good[static_cast<std::size_t>(frame.index)].data) << frame.index;
    }

    VideoReader padding(file(name), gray(OnError::kPad));
    const auto padded = all_frames(padding);
    ASSERT_EQ(padded.size(), 60U);
    std::int64_t invalid = 0;
    for (std::size_t i = 0; i < 60; ++i) {
      EXPECT_EQ(padded[i].index, static_cast<std::int64_t>(i));
      EXPECT_EQ(padded[i].data, padded[i].valid ? good[i].data : padded[i - 1].data) << i;
      invalid += padded[i].valid ? 0 : 1;
    }
    EXPECT_EQ(padding.damage().padded, invalid);
    EXPECT_EQ(invalid, skipping.damage().left_out);
    EXPECT_NE(padding.damage().first.find(name), std::string::npos);

    // At another rate the same frames are good.
    VideoReader slow(file(name), gray(OnError::kSkip, 12.5));
    for (const VideoFrame& frame : all_frames(slow)) {
      const auto source = std::min_element(good.begin(), good.end(), [&](auto& a, auto& b) {
        return (a.data != frame.data) < (b.data != frame.data);
      });
      EXPECT_EQ(source->data, frame.data) << frame.index;
    }
    VideoReader doubled(file(name), gray(OnError::kPad, 50));
    EXPECT_EQ(static_cast<std::int64_t>(all_frames(doubled).size()), doubled.frame_count());
  }
}

TEST_F(Damaged, PaddingLooksTheSameAfterASeek) {
  write_clip(file("s.mp4"));
  write("s.mp4", with_hole(read_bytes(file("s.mp4")), 0.45, 300));
  VideoReader reader(file("s.mp4"), gray(OnError::kPad));
  const auto frames = all_frames(reader);
  VideoFrame frame;
  for (std::size_t i = 0; i < 60; ++i) {
    const std::size_t at = (i * 37) % 60;
    reader.seek_frame(static_cast<std::int64_t>(at));
    ASSERT_TRUE(reader.next(frame));
    EXPECT_EQ(frame.valid, frames[at].valid) << at;
    EXPECT_TRUE(!frame.valid || frame.data == frames[at].data) << at;
  }
}

TEST_F(Damaged, ATruncatedVideoRaisesIsSkippedOrPadded) {
  for (const char* name : {"t.mkv", "t.avi"}) {
    write_clip(file(name), VideoCodec::kFfv1);
    VideoReader whole(file(name), gray(OnError::kRaise));
    const auto good = all_frames(whole);
    Bytes bytes = read_bytes(file(name));
    bytes.resize(bytes.size() * 6 / 10);
    write(name, bytes);
    EXPECT_ERROR(VideoReader(file(name)), DataError, "is truncated or damaged: video stream 0 can");
    VideoReader skipping(file(name), gray(OnError::kSkip));
    const auto kept = all_frames(skipping);
    EXPECT_TRUE(skipping.damage().truncated);
    EXPECT_GE(kept.size(), 30U);
    EXPECT_LE(kept.size(), 37U);
    VideoReader padding(file(name), gray(OnError::kPad));
    EXPECT_EQ(padding.frame_count(), 60) << name;
    const auto padded = all_frames(padding);
    ASSERT_EQ(padded.size(), 60U) << name;
    for (std::size_t i = 0; i < 60; ++i) {
      EXPECT_EQ(padded[i].valid, i < kept.size()) << name << i;
      EXPECT_EQ(padded[i].data, good[std::min(i, kept.size() - 1)].data) << name << i;
    }
  }
}

TEST_F(Damaged, FlacIsCheckedByItsChecksums) {
  write("hole.flac", with_hole(read_bytes(test::data("noise.flac")), 0.6, 24));
  EXPECT_ERROR(read_audio(file("hole.flac")), DataError, "hole.flac: sound ends or is damaged at");
  const Audio good = read_audio(test::data("noise.flac"));
  Damage damage;
  const Audio padded = read_audio(file("hole.flac"), audio_with(OnError::kPad), &damage);
  EXPECT_TRUE(damage.any());
  ASSERT_EQ(padded.length(), good.length());
  ASSERT_FALSE(padded.invalid.empty());
  for (std::int64_t i = 0; i < good.length(); ++i) {
    const bool invalid =
        std::any_of(padded.invalid.begin(), padded.invalid.end(), [&](const SampleRange& range) {
          return range.begin <= i && i < range.end;
        });
    const auto at = static_cast<std::size_t>(i * good.channels);
    ASSERT_EQ(padded.samples[at], invalid ? 0 : good.samples[at]) << i;
  }
  const Audio skipped = read_audio(file("hole.flac"), audio_with(OnError::kSkip), &damage);
  EXPECT_EQ(skipped.length() + damage.left_out, good.length());
}

TEST_F(Damaged, BlocksThatAContainerLostAreNoticed) {
  write_clip(file("b.mkv"), VideoCodec::kFfv1);
  write("b.mkv", with_hole(read_bytes(file("b.mkv")), 0.5, 9000));
  EXPECT_ERROR(VideoReader(file("b.mkv")), DataError, "b.mkv is damaged before byte ");
  VideoReader skipping(file("b.mkv"), gray(OnError::kSkip));
  EXPECT_LT(all_frames(skipping).size(), 60U);
  EXPECT_NE(skipping.damage().first, "");
}

TEST_F(Damaged, SoundOfATruncatedFileIsPaddedToItsLength) {
  VideoWriterOptions options;
  options.codec = VideoCodec::kFfv1;
  options.audio = Audio{16000, 1, std::vector<float>(32000, 0.25F)};
  {
    VideoWriter writer(file("a.mkv"), 8, 8, 25, options);
    for (int t = 0; t < 50; ++t) {
      writer.write(Bytes(192, static_cast<std::uint8_t>(t)));
    }
    writer.finish();
  }
  EXPECT_EQ(read_audio(file("a.mkv")).length(), 32000);
  Bytes bytes = read_bytes(file("a.mkv"));
  bytes.resize(bytes.size() / 2);
  write("a.mkv", bytes);
  EXPECT_ERROR(read_audio(file("a.mkv")), DataError, "audio stream 1 can be read up to ");
  Damage damage;
  const Audio padded = read_audio(file("a.mkv"), audio_with(OnError::kPad), &damage);
  EXPECT_TRUE(damage.truncated);
  EXPECT_NEAR(static_cast<double>(padded.length()), 32000, 320);
  ASSERT_EQ(padded.invalid.size(), 1U);
  EXPECT_EQ(padded.invalid[0].end, padded.length());
  const Audio skipped = read_audio(file("a.mkv"), audio_with(OnError::kSkip));
  EXPECT_EQ(skipped.length(), padded.invalid[0].begin);
}

TEST_F(Damaged, EmptyAndWrongVideosGetOneSentence) {
  write("none.mp4", {});
  EXPECT_ERROR(VideoReader(file("none.mp4")), DataError, "none.mp4 is empty (0 bytes)");
  EXPECT_ERROR(read_audio(file("none.mp4")), DataError, "none.mp4 is empty (0 bytes)");
  std::filesystem::create_directory(file("folder.mp4"));
  EXPECT_ERROR(VideoReader(file("folder.mp4")), DataError, "folder.mp4 is not a file");
  write("sound.mp4", read_bytes(test::data("sound.flac")));
  EXPECT_ERROR(VideoReader(file("sound.mp4")), DataError, "sound.mp4 holds no video stream");
  write("picture.mp4", read_bytes(test::data("rgb.png")));
  EXPECT_ERROR(VideoReader(file("picture.mp4")), DataError, "picture.mp4 is not a video that can");
}

TEST_F(Damaged, MoreThan32StreamsAreRefused) {
  EXPECT_ERROR(VideoReader(test::data("streams33.mkv")), DataError, "is not a video that can be");
  EXPECT_ERROR(read_audio(test::data("streams33.mkv")), DataError, "is not a sound file that can");
  EXPECT_EQ(read_audio(test::data("streams32.mkv")).sample_rate_hz, 8000);
}

TEST_F(Damaged, OpeningHasADeadline) {
  VideoOptions options;
  options.open_timeout_s = 0;
  EXPECT_ERROR(
      VideoReader(test::data("levels.mp4"), options), DataError, "holds took longer than 0 s");
  options.open_timeout_s = -1;
  EXPECT_ERROR(VideoReader(test::data("levels.mp4"), options), ConfigError, "within -1 s");
}

TEST_F(Damaged, ProbingEndsAfter16MiB) {
  // An endless transport stream of padding packets.
  std::ofstream out(file("null.ts"), std::ios::binary);
  std::string packet(188, '\xFF');
  packet.replace(0, 4, {'\x47', '\x1F', '\xFF', '\x10'});
  std::string block;
  for (int i = 0; i < 5000; ++i) {
    block += packet;
  }
  for (int i = 0; i < 64; ++i) {
    out << block;
  }
  out.close();
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THROW(VideoReader(file("null.ts")), DataError);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST_F(Damaged, OtherFilesAreNotReachedThroughAFile) {
  atomic_write(file("list.txt"), std::string_view("ffconcat version 1.0\nfile levels.mp4\n"));
  EXPECT_ERROR(VideoReader(file("list.txt")), DataError, "is not a video that can be read");
  // A name that looks like a protocol is a file name.
  EXPECT_ERROR(VideoReader("concat:a.mp4|b.mp4"), DataError, "is not a file: check the path");
  EXPECT_ERROR(VideoReader("http://127.0.0.1/a.mp4"), DataError, "is not a file: check the path");
  EXPECT_ERROR(read_audio("data:audio/wav;base64,AAAA"), DataError, "is not a file");
}

TEST_F(Damaged, FramesLargerThanTheLimitAreRefused) {
  write_clip(file("big.avi"), VideoCodec::kFfv1);
  const Bytes whole = read_bytes(file("big.avi"));
  const Bytes size{64, 0, 0, 0, 48, 0, 0, 0};
  const auto found = std::search(whole.begin() + 100, whole.end(), size.begin(), size.end());
  ASSERT_NE(found, whole.end());
  for (const auto& [width, height] : {std::pair(20000, 48), std::pair(16000, 16000)}) {
    Bytes bytes = whole;
    auto at = bytes.begin() + (found - whole.begin());
    *at = static_cast<std::uint8_t>(width);
    *(at + 1) = static_cast<std::uint8_t>(width >> 8);
    *(at + 4) = static_cast<std::uint8_t>(height);
    *(at + 5) = static_cast<std::uint8_t>(height >> 8);
    write("big.avi", bytes);
    EXPECT_ERROR(
        VideoReader(file("big.avi")),
        DataError,
        "pixels are outside the limits (side 16384, 64 Mi pixels)");
  }
}
#endif

}  // namespace
}  // namespace mmi::io
