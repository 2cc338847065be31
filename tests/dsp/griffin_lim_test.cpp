#include "mmi/dsp/griffin_lim.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numbers>

#include "mmi/base/errors.h"
#include "vectors.h"

namespace mmi::dsp {
namespace {

using testing::load;
using testing::manifest;
using testing::max_error;

// The same formula as in scripts/oracles/dsp_vectors.py.
torch::Tensor chord(std::int64_t rate, std::int64_t samples) {
  const auto t = torch::arange(samples, torch::kFloat64) / static_cast<double>(rate);
  auto sum = torch::zeros_like(t);
  for (const double f0 : {261.63, 329.63, 392.0}) {
    for (int k = 1; k <= 6; ++k) {
      sum += torch::sin(t * (2 * std::numbers::pi * f0 * k)) * torch::exp(t * (-1.5 * k)) / (k * 6);
    }
  }
  return sum.to(torch::kFloat32);
}

TEST(GriffinLim, TakesTheSameStepsAsLibrosa) {
  GriffinLimConfig cfg{.n_iter = 5, .initial_phase = InitialPhase::kZero, .stft = {256, 64}};
  const auto target = magnitude(stft(load("signal"), cfg.stft));
  Rng rng(1);
  EXPECT_LT(max_error(griffin_lim(target, cfg, rng), load("griffin_lim_zero_phase_5")), 1e-4);
}

TEST(GriffinLim, ReachesLibrosasQualityOnAChord) {
  GriffinLimConfig cfg{.n_iter = 60, .stft = {2048, 256}};
  const auto target = magnitude(stft(chord(16000, 32000), cfg.stft));
  const auto peers = manifest().at("scalars").at("griffin_lim_chord_db").get<std::vector<double>>();
  const double worst_peer = *std::max_element(peers.begin(), peers.end());
  double sum = 0;
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    Rng rng(seed);
    const auto waveform = griffin_lim(target, cfg, rng);
    const double db = spectral_convergence_db(target, waveform, cfg.stft);
    EXPECT_LT(db, worst_peer + 1.0);
    sum += db;
  }
  // Random phases end between -18 and -24 dB, librosa's as well as ours.
  EXPECT_LT(sum / 3, -20.0);
}

TEST(GriffinLim, StartsInTheFirstQuadrantAsTorchaudioDoes) {
  GriffinLimConfig cfg{
      .n_iter = 0, .initial_phase = InitialPhase::kFirstQuadrant, .stft = {256, 64}};
  const auto target = magnitude(stft(load("signal"), cfg.stft));
  Rng rng(1);
  Rng again(1);
  const auto start = griffin_lim(target, cfg, rng);
  EXPECT_TRUE(torch::equal(start, griffin_lim(target, cfg, again)));
  cfg.n_iter = 32;
  Rng long_run(1);
  const auto done = griffin_lim(target, cfg, long_run);
  EXPECT_LT(
      spectral_convergence_db(target, done, cfg.stft),
      spectral_convergence_db(target, start, cfg.stft) - 6);
}

TEST(GriffinLim, MomentumConvergesFaster) {
  GriffinLimConfig cfg{.n_iter = 40, .stft = {1024, 256}};
  const auto target = magnitude(stft(chord(16000, 8000), cfg.stft));
  Rng with(3);
  const auto fast = griffin_lim(target, cfg, with);
  cfg.momentum = 0;
  Rng without(3);
  const auto slow = griffin_lim(target, cfg, without);
  EXPECT_LT(
      spectral_convergence_db(target, fast, cfg.stft),
      spectral_convergence_db(target, slow, cfg.stft) - 1.0);
}

TEST(GriffinLim, FusedKernelEqualsTorchOperations) {
  torch::manual_seed(4);
  const auto x = torch::randn({2, 2000}, torch::kFloat64);
  for (const auto& stft_cfg :
       {StftConfig{256, 64},
        StftConfig{256, 100, torch::hamming_window(200), true, PadMode::kZeros},
        StftConfig{256, 64, {}, true, PadMode::kZeros}}) {
    GriffinLimConfig cfg{.n_iter = 6, .initial_phase = InitialPhase::kZero, .stft = stft_cfg};
    const auto target = magnitude(stft(x, stft_cfg));
    Rng rng(5);
    const auto reference = griffin_lim(target, cfg, rng, 2000);
    const auto fused = griffin_lim(target.to(torch::kFloat32), cfg, rng, 2000);
    EXPECT_EQ(fused.sizes().vec(), (std::vector<std::int64_t>{2, 2000}));
    EXPECT_LT((fused - reference).norm().item<double>() / reference.norm().item<double>(), 1e-4);
  }
}

TEST(GriffinLim, WorksWithoutCentredFrames) {
  GriffinLimConfig cfg{.n_iter = 30, .stft = {512, 128, torch::hamming_window(512), false}};
  const auto x = chord(16000, 512 + 128 * 40);
  const auto target = magnitude(stft(x, cfg.stft));
  Rng rng(6);
  const auto got = griffin_lim(target, cfg, rng);
  EXPECT_EQ(got.size(0), x.size(0));
  EXPECT_LT(spectral_convergence_db(target, got, cfg.stft), -15.0);
}

TEST(GriffinLim, IsAFunctionOfTheSeed) {
  GriffinLimConfig cfg{.n_iter = 2, .stft = {256, 64}};
  const auto target = magnitude(stft(load("signal"), cfg.stft));
  Rng a(7);
  Rng b(7);
  Rng c(8);
  const auto first = griffin_lim(target, cfg, a);
  EXPECT_TRUE(torch::equal(first, griffin_lim(target, cfg, b)));
  EXPECT_FALSE(torch::equal(first, griffin_lim(target, cfg, c)));
}

TEST(GriffinLim, SilenceStaysSilent) {
  GriffinLimConfig cfg{.n_iter = 3, .stft = {256, 64}};
  Rng rng(9);
  const auto got = griffin_lim(torch::zeros({129, 10}), cfg, rng);
  EXPECT_EQ(got.abs().max().item<float>(), 0.0F);
}

TEST(GriffinLim, RejectsWhatDoesNotFit) {
  Rng rng(10);
  const GriffinLimConfig cfg{.stft = {256, 64}};
  EXPECT_THROW(griffin_lim(torch::zeros({128, 10}), cfg, rng), ShapeError);
  EXPECT_THROW(griffin_lim(torch::zeros({129, 10}), cfg, rng, 64 * 10), ShapeError);
  EXPECT_THROW(griffin_lim(torch::zeros({129, 2}), cfg, rng), ShapeError);
}

}  // namespace
}  // namespace mmi::dsp
