#include "mmi/models/audeo/sound.h"

#include <gtest/gtest.h>

#include <cmath>

#include "mmi/base/errors.h"
#include "mmi/dsp/griffin_lim.h"
#include "mmi/models/audeo/spectrogram_unet.h"
#include "mmi/nn/state.h"

namespace mmi::models::audeo {
namespace {

/// Three decaying harmonic tones.
torch::Tensor chord(double seconds) {
  const torch::Tensor t = torch::arange(static_cast<std::int64_t>(seconds * kSampleRateHz)) /
                          static_cast<double>(kSampleRateHz);
  torch::Tensor wave = torch::zeros_like(t);
  for (const double hz : {261.63, 329.63, 392.0}) {
    for (int harmonic = 1; harmonic <= 4; ++harmonic) {
      wave += torch::sin(2 * M_PI * hz * harmonic * t) * torch::exp(-2 * harmonic * t) / harmonic;
    }
  }
  return wave * 0.1;
}

TEST(Score, FollowsTheRollInTime) {
  torch::Tensor roll = torch::zeros({100, 88}, torch::kUInt8);
  roll.slice(0, 10, 20).select(1, 39).fill_(1);  // middle C from 0.4 s to 0.8 s
  const Score score = score_of(roll, kLowestPitch);
  ASSERT_EQ(score.notes.sizes().vec(), (std::vector<std::int64_t>{128, 250}));
  const torch::Tensor on = score.notes[60].nonzero().flatten();
  EXPECT_EQ(on[0].item<int>(), 25);  // 0.4 s at 62.5 frames a second
  EXPECT_EQ(on[-1].item<int>(), 49);
  EXPECT_EQ(score.notes.sum().item<int>(), 25);
  EXPECT_EQ(score.onoff[60][25].item<int>(), 1);
  EXPECT_EQ(score.onoff[60][50].item<int>(), -1);
  EXPECT_EQ(score.onoff.abs().sum().item<int>(), 2);
}

TEST(Score, BeginsAtTheLowestKeyOfTheRange) {
  const Score score = score_of(torch::ones({10, 51}), 36);
  EXPECT_EQ(score.notes.sum(1).gt(0).nonzero().flatten()[0].item<int>(), 36);
  EXPECT_EQ(score.notes.sum(1).gt(0).sum().item<int>(), 51);
  EXPECT_THROW(score_of(torch::ones({10, 51}), 100), ShapeError);
}

TEST(LogSpectrogram, ComesBackAsSound) {
  const torch::Tensor wave = chord(2);
  const torch::Tensor y = log_spectrogram(wave, 125);
  ASSERT_EQ(y.sizes().vec(), (std::vector<std::int64_t>{kBins, 125}));
  const torch::Tensor back = invert_log_spectrogram(y);
  ASSERT_EQ(back.size(0), 125 * kHopSamples);
  // Without the last frames, which hear beyond the end.
  const torch::Tensor magnitude = y.expm1().sqrt().slice(1, 0, 120);
  const torch::Tensor again = log_spectrogram(back, 125).expm1().sqrt().slice(1, 0, 120);
  const double error_db =
      20 * std::log10((again - magnitude).norm().item<double>() / magnitude.norm().item<double>());
  EXPECT_LT(error_db, -20);
}

TEST(ScoreWindows, CutScoreAndSoundAtTheSameTime) {
  const torch::Tensor wave = chord(8);
  const torch::Tensor roll = torch::rand({200, 88}).gt(0.9);
  ScoreWindows windows(250, 125);
  EXPECT_EQ(windows.add(roll, kLowestPitch, wave), 3);
  const Score score = score_of(roll, kLowestPitch);
  const torch::Tensor y = log_spectrogram(wave, 500);
  Rng rng(1);
  for (std::int64_t i = 0; i < 3; ++i) {
    const TensorDict example = windows.get(i, rng);
    const std::int64_t at = i * 125;
    EXPECT_TRUE(torch::equal(example.tensor("score"), score.notes.slice(1, at, at + 250)));
    EXPECT_TRUE(torch::equal(example.tensor("onoff"), score.onoff.slice(1, at, at + 250)));
    EXPECT_TRUE(
        torch::allclose(example.tensor("spectrogram"), y.slice(1, at, at + 250), 1e-5, 1e-5));
  }
}

TEST(Windows, JoinToWhatWasCut) {
  for (const std::int64_t frames : {1, 25, 200, 201, 777}) {
    const torch::Tensor x = torch::rand({3, frames});
    const torch::Tensor parts = cut_windows(x, 250);
    EXPECT_EQ(parts.sizes().slice(1), (std::vector<std::int64_t>{3, 250}));
    EXPECT_EQ(parts.size(0), (frames + 199) / 200);
    EXPECT_TRUE(torch::equal(join_windows(parts, frames), x)) << frames;
  }
}

// What a network gets wrong at a window's ends is not heard.
TEST(Windows, EndsAreLeftOut) {
  torch::Tensor parts = cut_windows(torch::ones({1, 600}), 250);
  parts.slice(2, 0, 25).fill_(9);
  parts.slice(2, 225).fill_(9);
  EXPECT_TRUE(torch::equal(join_windows(parts, 600), torch::ones({1, 600})));
}

TEST(SpectrogramUNet, ChangesNothingUntrainedAtAnySize) {
  SpectrogramUNet net({});
  EXPECT_EQ(nn::parameter_count(net), 1942289);
  SpectrogramUNet small({.base = 2, .depth = 3});
  for (const std::int64_t frames : {16, 17, 50}) {
    const torch::Tensor x = torch::rand({2, 1, 65, frames});
    EXPECT_TRUE(torch::equal(small.forward(x), x));
  }
  EXPECT_THROW(small.forward(torch::rand({1, 65, 16})), ShapeError);
}

TEST(SpectrogramUNet, LearnsAResidual) {
  torch::manual_seed(1);
  SpectrogramUNet net({.base = 4, .depth = 2});
  torch::optim::Adam optimizer(net.parameters(), 1e-2);
  const torch::Tensor x = torch::rand({2, 1, 32, 32});
  const torch::Tensor target = x + 0.5 * x.roll(1, 2);
  double first = 0;
  double last = 0;
  for (int step = 0; step < 60; ++step) {
    optimizer.zero_grad();
    const torch::Tensor loss = torch::l1_loss(net.forward(x), target);
    loss.backward();
    optimizer.step();
    last = loss.item<double>();
    first = step == 0 ? last : first;
  }
  EXPECT_LT(last, first / 3);
}

}  // namespace
}  // namespace mmi::models::audeo
