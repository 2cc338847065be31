#include "mmi/dsp/measures.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "mmi/base/errors.h"
#include "mmi/base/rng.h"

namespace mmi::dsp {
namespace {

// Decaying harmonic tones that start at the given times.
std::vector<float> plucks(const std::vector<double>& onsets_s, std::int64_t rate, double seconds) {
  std::vector<float> out(static_cast<std::size_t>(seconds * static_cast<double>(rate)));
  int index = 0;
  for (const double onset : onsets_s) {
    const double f0 = 220.0 * std::pow(2.0, (7 * index++ % 24) / 12.0);
    const auto start = static_cast<std::size_t>(std::lround(onset * static_cast<double>(rate)));
    for (std::size_t n = start; n < out.size(); ++n) {
      const double t = static_cast<double>(n - start) / static_cast<double>(rate);
      for (int k = 1; k <= 5; ++k) {
        out[n] += static_cast<float>(
            0.1 / k * std::sin(2 * std::numbers::pi * f0 * k * t) * std::exp(-4 * t));
      }
    }
  }
  return out;
}

TEST(Measures, LevelsOfASineAndOfSilence) {
  std::vector<float> sine(1000);
  for (std::size_t i = 0; i < sine.size(); ++i) {
    sine[i] =
        static_cast<float>(0.5 * std::sin(2 * std::numbers::pi * 0.01 * static_cast<double>(i)));
  }
  EXPECT_NEAR(rms_dbfs(sine), -9.0309, 1e-3);
  EXPECT_NEAR(peak(sine), 0.5, 1e-3);
  EXPECT_EQ(rms_dbfs(std::vector<float>(10)), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(peak({}), 0.0);
}

TEST(Measures, SamplesOfWantsFloatOnTheCpu) {
  const auto x = torch::tensor({0.5F, -2.0F});
  EXPECT_EQ(peak(samples_of(x)), 2.0);
  EXPECT_THROW(samples_of(torch::ones({3}, torch::kFloat64)), ShapeError);
  EXPECT_THROW(samples_of(torch::ones({4}).slice(0, 0, 4, 2)), ShapeError);
}

TEST(Onsets, AreFoundAtAnySampleRate) {
  const std::vector<double> truth{0.0, 0.31, 0.5, 0.62, 1.0, 1.5};
  for (const std::int64_t rate : {8000, 16000, 44100}) {
    const auto found = detect_onsets(plucks(truth, rate, 2.0), rate);
    const auto match = match_onsets(found, truth, 0.02);
    EXPECT_EQ(match.recall, 1.0) << rate;
    EXPECT_EQ(match.precision, 1.0) << rate;
    EXPECT_LT(std::abs(match.mean_error_s), 0.008) << rate;
  }
}

TEST(Onsets, SilenceAndASteadyToneHaveNone) {
  EXPECT_TRUE(detect_onsets(std::vector<float>(16000), 16000).empty());
  EXPECT_TRUE(detect_onsets({}, 16000).empty());
  std::vector<float> tone(32000);
  for (std::size_t i = 0; i < tone.size(); ++i) {
    tone[i] = static_cast<float>(std::sin(0.2 * static_cast<double>(i)));
  }
  const auto found = detect_onsets(tone, 16000);
  ASSERT_EQ(found.size(), 1U);  // its own beginning
  EXPECT_LT(found[0], 0.02);
}

TEST(MatchOnsets, PairsInOrderAndMergesChords) {
  const auto match = match_onsets({0.11, 0.5, 0.9}, {0.1, 0.105, 0.52, 2.0});
  EXPECT_EQ(match.matched, 2);
  EXPECT_NEAR(match.recall, 2.0 / 3.0, 1e-12);
  EXPECT_NEAR(match.precision, 2.0 / 3.0, 1e-12);
  EXPECT_NEAR(match.max_error_s, 0.02, 1e-12);
  EXPECT_NEAR(match.mean_error_s, -0.005, 1e-12);
  EXPECT_EQ(match_onsets({}, {}).recall, 1.0);
}

}  // namespace
}  // namespace mmi::dsp
