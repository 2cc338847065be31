#include "mmi/dsp/resample.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "mmi/base/errors.h"
#include "vectors.h"

namespace mmi::dsp {
namespace {

using testing::load;
using testing::max_error;

torch::Tensor tone(double hz, std::int64_t rate, std::int64_t samples) {
  return torch::sin(
      torch::arange(samples, torch::kFloat64) *
      (2 * std::numbers::pi * hz / static_cast<double>(rate)));
}

TEST(Resample, EqualsSoxrDownwards) {
  const auto got = resample(load("tones_44100"), 44100, 16000);
  EXPECT_LT(max_error(got, load("tones_44100_16000_soxr")), 2e-5);
}

TEST(Resample, EqualsSoxrUpwards) {
  const auto got = resample(load("tones_16000"), 16000, 22050);
  EXPECT_LT(max_error(got, load("tones_16000_22050_soxr")), 2e-5);
}

TEST(Resample, EqualsScipysPolyphaseFilter) {
  const auto got = resample(load("tones_16000"), 16000, 48000);
  EXPECT_LT(max_error(got, load("tones_16000_48000_scipy")), 1e-3);
}

TEST(Resample, KeepsATonesPhaseAndAmplitude) {
  const auto got = resample(tone(440, 44100, 44100), 44100, 16000);
  EXPECT_EQ(got.size(0), 16000);
  const auto expected = tone(440, 16000, 16000);
  EXPECT_LT(max_error(got.narrow(0, 200, 15600), expected.narrow(0, 200, 15600)), 1e-6);
}

TEST(Resample, RemovesWhatWouldAlias) {
  const auto got = resample(tone(9500, 44100, 22050), 44100, 16000);
  EXPECT_LT(got.narrow(0, 200, 7600).abs().max().item<double>(), 1e-6);
}

TEST(Resample, LargeRatiosUseTheSameFilter) {
  // 44100 and 44101 have no common factor: too many phases for a bank.
  const auto got = resample(tone(1000, 44100, 4410), 44100, 44101);
  EXPECT_EQ(got.size(0), 4411);
  const auto expected = tone(1000, 44101, 4411);
  EXPECT_LT(max_error(got.narrow(0, 200, 4000), expected.narrow(0, 200, 4000)), 1e-6);
  const auto down = resample(tone(1000, 44101, 20000), 44101, 16000);
  const auto wanted = tone(1000, 16000, down.size(0));
  EXPECT_LT(max_error(down.narrow(0, 200, 6800), wanted.narrow(0, 200, 6800)), 1e-6);
}

TEST(Resample, KeepsLeadingDimensionsAndEmptyWaveforms) {
  EXPECT_EQ(
      resample(torch::randn({2, 3, 441}), 44100, 16000).sizes().vec(),
      (std::vector<std::int64_t>{2, 3, 160}));
  EXPECT_EQ(resample(torch::empty({0}), 44100, 16000).numel(), 0);
  const auto x = torch::randn({100});
  EXPECT_TRUE(torch::equal(resample(x, 16000, 16000), x));
  EXPECT_EQ(resampled_length(1, 44100, 16000), 1);
}

TEST(Resample, GradientReachesTheWaveform) {
  auto x = torch::randn({882}, torch::kFloat64).requires_grad_();
  resample(x, 44100, 16000).square().sum().backward();
  EXPECT_GT(x.grad().norm().item<double>(), 0.0);
}

TEST(Resample, RejectsRatesThatAreNotPositive) {
  EXPECT_THROW(resample(torch::ones({10}), 0, 16000), ConfigError);
  EXPECT_THROW(resample(torch::ones({10}, torch::kInt16), 44100, 16000), ShapeError);
}

TEST(ResampleStream, PiecesGiveWhatTheWholeGives) {
  torch::manual_seed(2);
  for (const auto& [from, to] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {44100, 16000}, {16000, 44100}, {48000, 24000}, {22050, 22050}, {800, 799}}) {
    const auto wave = torch::randn({2, 12011});
    const auto whole = resample(wave, from, to);
    for (const std::int64_t piece : {100L, 4096L, 12010L}) {
      ResampleStream stream(from, to);
      std::vector<torch::Tensor> parts;
      for (std::int64_t begin = 0; begin < 12011; begin += piece) {
        const std::int64_t end = std::min<std::int64_t>(12011, begin + piece);
        parts.push_back(stream.push(wave.slice(1, begin, end), end == 12011));
      }
      const auto joined = torch::cat(parts, 1);
      ASSERT_EQ(joined.sizes(), whole.sizes()) << from << " " << to << " " << piece;
      EXPECT_LT((joined - whole).abs().max().item<double>(), 1e-5) << from << " " << to;
    }
  }
}

}  // namespace
}  // namespace mmi::dsp
