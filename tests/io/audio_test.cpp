#include "mmi/io/audio.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "helpers.h"
#include "mmi/base/files.h"
#include "mmi/base/rng.h"
#include "mmi/io/npy.h"

namespace mmi::io {
namespace {

using Bytes = std::vector<std::uint8_t>;

class Sound : public test::InFolder {};

std::vector<float> stored(const std::string& name) {
  return test::values<float>(read_npy(test::data(name)).bytes);
}

void expect_near(const std::vector<float>& a, const std::vector<float>& b, float tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    ASSERT_NEAR(a[i], b[i], tolerance) << i;
  }
}

TEST_F(Sound, WavOfEachTypeEqualsSoundfile) {
  for (const char* name : {"pcm8", "pcm16", "pcm24", "pcm32", "float", "double"}) {
    const Audio audio = read_audio(test::data(std::string(name) + ".wav"));
    EXPECT_EQ(audio.sample_rate_hz, 22050);
    EXPECT_EQ(audio.channels, 2);
    EXPECT_EQ(audio.length(), 200);
    EXPECT_EQ(audio.samples, stored(std::string(name) + ".wav.npy")) << name;
  }
}

TEST_F(Sound, ExtensibleHeaderIsRead) {
  EXPECT_EQ(read_audio(test::data("extensible.wav")).samples, stored("pcm24.wav.npy"));
}

TEST_F(Sound, PartsOfAFile) {
  const Audio whole = read_audio(test::data("pcm16.wav"));
  const Audio part = read_audio(test::data("pcm16.wav"), {50.0 / 22050, 20.0 / 22050});
  EXPECT_EQ(
      part.samples, std::vector<float>(whole.samples.begin() + 100, whole.samples.begin() + 140));
  EXPECT_EQ(read_audio(test::data("pcm16.wav"), {9, 1}).length(), 0);
  EXPECT_ERROR(read_audio(test::data("pcm16.wav"), {-1, 1}), ConfigError, "must not be negative");
}

TEST_F(Sound, WrittenWavReadsBackWithinHalfAStep) {
  Rng rng(2);
  Audio audio{48000, 3, {}};
  for (int i = 0; i < 3000; ++i) {
    audio.samples.push_back(static_cast<float>(rng.uniform(-1, 0.9999)));
  }
  const std::pair<WavType, double> types[] = {
      {WavType::kPcm16, 0x1p-16},
      {WavType::kPcm24, 0x1p-24},
      {WavType::kPcm32, 0x1p-25},
      {WavType::kFloat32, 0}};
  for (const auto& [type, tolerance] : types) {
    write_wav(file("x.wav"), audio, type);
    const Audio read = read_audio(file("x.wav"));
    EXPECT_EQ(read.sample_rate_hz, 48000);
    EXPECT_EQ(read.channels, 3);
    expect_near(read.samples, audio.samples, static_cast<float>(tolerance));
    write_wav(file("y.wav"), read, type);
    EXPECT_EQ(read_bytes(file("x.wav")), read_bytes(file("y.wav"))) << "a copy must not change";
  }
}

TEST_F(Sound, LoudSamplesAreClippedAndNanRefused) {
  write_wav(file("loud.wav"), std::vector<float>{2.0F, -2.0F, 0.0F}, 1, 8000);
  const std::vector<float> expected{32767.0F / 32768, -1.0F, 0.0F};
  EXPECT_EQ(read_audio(file("loud.wav")).samples, expected);
  const std::vector<float> bad{0, std::numeric_limits<float>::quiet_NaN()};
  EXPECT_ERROR(write_wav(file("nan.wav"), bad, 1, 8000), NumericError, "sample 1 is nan");
  EXPECT_ERROR(write_wav(file("odd.wav"), expected, 2, 8000), ConfigError, "2 channels");
  EXPECT_EQ(files_in_folder(), 1U);
}

TEST_F(Sound, EveryPrefixOfAWavIsRefused) {
  const Bytes whole = read_bytes(test::data("pcm16.wav"));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_THROW(parse_wav({whole.data(), length}, "cut.wav"), DataError) << length;
  }
}

TEST_F(Sound, FaultyWavFields) {
  const Bytes whole = encode_wav({8000, 2, {0, 0, 0, 0}});
  const auto changed = [&](std::size_t offset, std::initializer_list<int> bytes) {
    Bytes out = whole;
    for (const int value : bytes) {
      out[offset++] = static_cast<std::uint8_t>(value);
    }
    return parse_wav(out, "f.wav");
  };
  EXPECT_ERROR(changed(0, {'R', 'I', 'F', 'X'}), DataError, "f.wav is not a WAV file");
  EXPECT_ERROR(changed(20, {6}), DataError, "WAV format 6 with 16 bits is not supported");
  EXPECT_ERROR(changed(22, {0}), DataError, "0 audio channels");
  EXPECT_ERROR(changed(22, {255, 255}), DataError, "65535 audio channels");
  EXPECT_ERROR(changed(24, {255, 255, 255, 255}), DataError, "4294967295 Hz");
  EXPECT_ERROR(changed(32, {9}), DataError, "a block has 9 bytes");
  EXPECT_ERROR(changed(34, {12}), DataError, "12 bits");
  EXPECT_ERROR(changed(40, {9}), DataError, "truncated");
  EXPECT_ERROR(changed(12, {'j', 'u', 'n', 'k'}), DataError, "no 'fmt ' chunk");
  EXPECT_ERROR(changed(36, {'j', 'u', 'n', 'k'}), DataError, "no data chunk");
  EXPECT_EQ(changed(40, {255, 255, 255, 255}).length(), 2)
      << "length unknown to a streaming writer";
}

TEST_F(Sound, MonoIsTheMean) {
  EXPECT_EQ(to_mono({8000, 2, {1, 0, -1, 0.5}}).samples, (std::vector<float>{0.5, -0.25}));
}

#ifdef MMI_WITH_MEDIA
TEST_F(Sound, FlacEqualsSoundfile) {
  const Audio audio = read_audio(test::data("sound.flac"));
  EXPECT_EQ(audio.channels, 2);
  EXPECT_EQ(audio.samples, stored("sound.flac.npy"));
  const Audio part = read_audio(test::data("sound.flac"), {50.0 / 22050, 20.0 / 22050});
  EXPECT_EQ(
      part.samples, std::vector<float>(audio.samples.begin() + 100, audio.samples.begin() + 140));
}

TEST_F(Sound, Mp3IsDecodedInPlace) {
  const Audio audio = read_audio(test::data("tone.mp3"));
  EXPECT_EQ(audio.sample_rate_hz, 22050);
  EXPECT_EQ(audio.channels, 1);
  EXPECT_NEAR(static_cast<double>(audio.length()), 22050, 1200);
  double worst = 0;
  for (std::size_t i = 2000; i < 20000; ++i) {
    const double expected =
        0.5 * std::sin(2 * std::numbers::pi * 440 * static_cast<double>(i) / 22050);
    worst = std::max(worst, std::abs(audio.samples[i] - expected));
  }
  EXPECT_LT(worst, 0.03) << "amplitude or delay is wrong";
}

TEST_F(Sound, ResamplingEqualsSoxr) {
  const Audio noise{44100, 1, stored("resample_in_44100.npy")};
  for (const int rate : {16000, 48000}) {
    const auto expected = stored(format("resample_out_{}.npy", rate));
    const Audio out = resample(noise, rate);
    EXPECT_EQ(out.sample_rate_hz, rate);
    EXPECT_NEAR(static_cast<double>(out.length()), 3000.0 * rate / 44100, 0.5);
    for (std::size_t i = 0; i < std::min(out.samples.size(), expected.size()); ++i) {
      ASSERT_NEAR(out.samples[i], expected[i], 2e-5) << rate << " " << i;
    }
  }
}

TEST_F(Sound, ResamplingKeepsChannelsApartAndLevels) {
  Audio stereo{32000, 2, {}};
  for (int i = 0; i < 8000; ++i) {
    stereo.samples.push_back(static_cast<float>(std::sin(0.05 * i)));
    stereo.samples.push_back(0.25F);
  }
  const Audio out = resample(stereo, 44100);
  EXPECT_EQ(out.length(), 11025);
  for (std::int64_t i = 3000; i < 8000; ++i) {
    const auto at = static_cast<std::size_t>(2 * i);
    ASSERT_NEAR(out.samples[at], std::sin(0.05 * static_cast<double>(i) * 32000 / 44100), 1e-4);
    ASSERT_NEAR(out.samples[at + 1], 0.25, 1e-4);
  }
  EXPECT_EQ(resample(stereo, 32000).samples, stereo.samples);
}

TEST_F(Sound, TextIsNotASound) {
  atomic_write(file("note.mp3"), "just some words\n");
  EXPECT_ERROR(read_audio(file("note.mp3")), DataError, "is not a sound file that can be read");
  EXPECT_ERROR(read_audio(file("none.flac")), DataError, "is not a file");
}
#else
TEST_F(Sound, WithoutMediaOnlyWavIsRead) {
  EXPECT_ERROR(read_audio(test::data("sound.flac")), NotBuiltError, "-DMMI_MEDIA=ON");
  EXPECT_ERROR(resample({8000, 1, {0}}, 16000), NotBuiltError, "-DMMI_MEDIA=ON");
}
#endif

TEST(WavWriter, PiecesAreTheBytesOfTheWhole) {
  const auto path = std::filesystem::path(testing::TempDir()) / "wav_writer.wav";
  Audio audio{8000, 1, {}};
  for (int i = 0; i < 101; ++i) {
    audio.samples.push_back(std::sin(0.1F * static_cast<float>(i)));
  }
  for (const WavType type : {WavType::kPcm16, WavType::kPcm24, WavType::kFloat32}) {
    WavWriter writer(path, 101, 1, 8000, type);
    writer.write(std::span(audio.samples).first(40));
    writer.write(std::span(audio.samples).subspan(40));
    EXPECT_FALSE(std::filesystem::exists(path));
    writer.finish();
    EXPECT_EQ(mmi::read_bytes(path), encode_wav(audio, type));
    std::filesystem::remove(path);
  }
  WavWriter short_one(path, 10, 1, 8000);
  EXPECT_THROW(short_one.write(audio.samples), ConfigError);
  EXPECT_THROW(short_one.finish(), ConfigError);
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace mmi::io
