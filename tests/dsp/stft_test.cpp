#include "mmi/dsp/stft.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "mmi/base/errors.h"
#include "vectors.h"

namespace mmi::dsp {
namespace {

using testing::load;
using testing::max_error;

TEST(Stft, EqualsLibrosaWithMirroredEdges) {
  const auto got = stft(load("signal"), {256, 64});
  EXPECT_LT(max_error(got, load("stft_reflect", true)), 2e-5);
}

TEST(Stft, EqualsLibrosaWithSilentEdgesAndAShorterWindow) {
  StftConfig cfg{256, 100, load("hamming200"), true, PadMode::kZeros};
  EXPECT_LT(max_error(stft(load("signal"), cfg), load("stft_zeros_hamming200", true)), 2e-5);
}

TEST(Stft, PutsATonesEnergyInItsBin) {
  const std::int64_t n = 4096;
  const auto t = torch::arange(n, torch::kFloat64);
  const auto tone = torch::cos(t * (2 * std::numbers::pi * 16.0 / 256.0));
  const auto got = magnitude(stft(tone, {256, 64, {}, false}));
  EXPECT_EQ(got.size(1), stft_frames(n, {256, 64, {}, false}));
  // Hann: amplitude * n_fft / 4 in the bin, half of it in the neighbours, nothing elsewhere.
  EXPECT_NEAR(got[16][3].item<double>(), 64.0, 1e-9);
  EXPECT_NEAR(got[15][3].item<double>(), 32.0, 1e-9);
  EXPECT_NEAR(got[18][3].item<double>(), 0.0, 1e-9);
}

TEST(Istft, EqualsLibrosaWithAHopThatDoesNotDivideTheFrame) {
  StftConfig cfg{256, 100, load("hamming200"), true, PadMode::kZeros};
  const auto got = istft(stft(load("signal"), cfg), cfg, 4000);
  EXPECT_LT(max_error(got, load("istft_hamming200")), 2e-6);
}

TEST(Istft, RestoresEveryWaveformOfABatch) {
  torch::manual_seed(1);
  const auto x = torch::randn({2, 3, 3000}, torch::kFloat64);
  for (const auto pad : {PadMode::kReflect, PadMode::kZeros}) {
    for (const std::int64_t hop : {128, 100}) {
      const StftConfig cfg{512, hop, {}, true, pad};
      const auto spectrum = stft(x, cfg);
      EXPECT_EQ(spectrum.sizes().vec(), (std::vector<std::int64_t>{2, 3, 257, 1 + 3000 / hop}));
      EXPECT_LT(max_error(istft(spectrum, cfg, 3000), x), 1e-12);
    }
  }
}

TEST(Istft, EqualsTorch) {
  torch::manual_seed(2);
  const auto spectrum = torch::randn({2, 257, 21}, torch::kComplexDouble);
  const auto window = torch::hann_window(512, torch::kFloat64);
  const auto expected = torch::istft(spectrum, 512, 128, 512, window, true, false, true);
  EXPECT_LT(max_error(istft(spectrum, {512, 128}), expected), 1e-12);
}

TEST(Istft, CropsAndPadsToTheLength) {
  const auto spectrum = stft(torch::ones({1024}), {256, 64});
  EXPECT_EQ(istft(spectrum, {256, 64}, 1000).size(0), 1000);
  const auto longer = istft(spectrum, {256, 64}, 2000);
  EXPECT_EQ(longer.size(0), 2000);
  EXPECT_EQ(longer[1999].item<float>(), 0.0F);
}

TEST(Stft, GradientReachesTheWaveform) {
  auto x = torch::randn({1024}, torch::kFloat64).requires_grad_();
  power(stft(x, {256, 64})).sum().backward();
  EXPECT_GT(x.grad().abs().min().item<double>(), 0.0);
}

TEST(PowerToDb, IsTenPerDecadeWithFloorAndRange) {
  const auto db = power_to_db(torch::tensor({1.0, 100.0, 1e-20, 0.0}, torch::kFloat64));
  EXPECT_NEAR(db[1].item<double>(), 20.0, 1e-12);
  EXPECT_NEAR(db[2].item<double>(), -60.0, 1e-12);
  const auto wide = power_to_db(torch::tensor({1.0, 0.0}, torch::kFloat64), 1.0, 1e-10, 0);
  EXPECT_NEAR(wide[1].item<double>(), -100.0, 1e-12);
}

TEST(Stft, RejectsWhatDoesNotFit) {
  EXPECT_THROW(stft(torch::ones({100}), {256, 64}), ShapeError);
  EXPECT_THROW(stft(torch::ones({100}), {256, 64, {}, false}), ShapeError);
  EXPECT_THROW(stft(torch::ones({1000}), {256, 300}), ConfigError);
  EXPECT_THROW(stft(torch::ones({1000}), {256, 64, torch::ones({300})}), ConfigError);
  EXPECT_THROW(stft(torch::ones({1000}, torch::kInt64), {256, 64}), ShapeError);
  EXPECT_THROW(istft(torch::ones({129, 4}), {256, 64}), ShapeError);
  EXPECT_EQ(stft(torch::ones({10}), {256, 64, {}, true, PadMode::kZeros}).size(1), 1);
}

}  // namespace
}  // namespace mmi::dsp
