#include "mmi/nn/decoding/training_mask.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <set>

#include "mmi/base/errors.h"

namespace mmi::nn::decoding {
namespace {

constexpr std::int64_t kDraws = 100000;

torch::Tensor ratios_of(const TrainingMaskConfig& config, double progress = 0) {
  Rng rng(17);
  return draw_mask_ratios(config, kDraws, rng, progress);
}

TEST(TrainingMask, TruncatedNormalsHaveTheirMeans) {
  TrainingMaskConfig config;
  auto ratios = ratios_of(config);
  EXPECT_NEAR(ratios.mean().item<double>(), 0.750, 0.005);
  EXPECT_NEAR(ratios.std().item<double>(), 0.135, 0.005);
  EXPECT_GE(ratios.min().item<double>(), 0.5);
  EXPECT_LE(ratios.max().item<double>(), 1);
  config.mean = 0.55;
  ratios = ratios_of(config);
  EXPECT_NEAR(ratios.mean().item<double>(), 0.694, 0.005);
  EXPECT_NEAR(ratios.std().item<double>(), 0.129, 0.005);
  config.final_mean = 0.75;
  EXPECT_NEAR(ratios_of(config, 1).mean().item<double>(), 0.750, 0.005);
}

TEST(TrainingMask, OtherLawsHaveTheirMeans) {
  TrainingMaskConfig config;
  config.law = MaskLaw::kArccos;
  EXPECT_NEAR(ratios_of(config).mean().item<double>(), 0.637, 0.005);
  config.law = MaskLaw::kUniform;
  config.low = 0;
  EXPECT_NEAR(ratios_of(config).mean().item<double>(), 0.5, 0.005);
  EXPECT_NEAR(ratios_of(config).var().item<double>(), 1.0 / 12, 0.002);
}

TEST(TrainingMask, EachSampleHasARatioOfItsOwnOrAllHaveOne) {
  TrainingMaskConfig config;
  const auto spread = [&] {
    const auto mask = draw_training_mask(40, 4, 500, config, Rng(1)).masked;
    EXPECT_TRUE(mask.sum(c10::IntArrayRef({1, 2})).gt(0).all().item<bool>());
    return mask.to(torch::kDouble).mean(c10::IntArrayRef({1, 2})).std().item<double>();
  };
  EXPECT_NEAR(spread(), 0.135, 0.04);
  config.scope = MaskScope::kBatch;
  EXPECT_LT(spread(), 0.02);
}

TEST(TrainingMask, AtLeastOneEntryIsMasked) {
  TrainingMaskConfig config;
  config.law = MaskLaw::kUniform;
  config.low = 0;
  config.high = 1e-9;
  const auto mask = draw_training_mask(50, 2, 3, config, Rng(1));
  EXPECT_TRUE(mask.scored.sum(c10::IntArrayRef({1, 2})).eq(1).all().item<bool>());
  EXPECT_GT(mask.scored.any(0).sum().item<std::int64_t>(), 3);  // not always the same
}

TEST(TrainingMask, SpansAreMaskedAsAWhole) {
  TrainingMaskConfig config;
  config.span = 3;
  const auto mask = draw_training_mask(200, 4, 50, config, Rng(3)).scored;
  const auto whole = mask.narrow(2, 0, 48).unflatten(2, {16, 3}).sum(3);
  EXPECT_TRUE((whole.eq(0) | whole.eq(3)).all().item<bool>());
  EXPECT_TRUE(torch::equal(mask.select(2, 48), mask.select(2, 49)));  // the last span is shorter
  EXPECT_NEAR(mask.to(torch::kDouble).mean().item<double>(), 0.75, 0.03);
}

TEST(TrainingMask, ModesMaskTheirLevels) {
  const auto fine = draw_training_mask(8, 6, 40, {}, Rng(2), 0, MaskMode::kCoarseToFine, 4).masked;
  EXPECT_FALSE(fine.narrow(1, 0, 4).any().item<bool>());
  EXPECT_TRUE(fine.narrow(1, 4, 2).any().item<bool>());
  const auto level = draw_training_mask(64, 3, 40, {}, Rng(2), 0, MaskMode::kLevelwise);
  std::set<std::int64_t> seen;
  for (std::int64_t b = 0; b < 64; ++b) {
    const auto scored = level.scored[b].any(1);
    ASSERT_EQ(scored.sum().item<std::int64_t>(), 1);
    const auto k = scored.nonzero().item<std::int64_t>();
    seen.insert(k);
    EXPECT_TRUE(torch::equal(level.masked[b][k], level.scored[b][k]));
    EXPECT_TRUE(level.masked[b].narrow(0, k + 1, 2 - k).all().item<bool>());
    EXPECT_FALSE(level.masked[b].narrow(0, 0, k).any().item<bool>());
  }
  EXPECT_EQ(seen.size(), 3);
}

TEST(TrainingMask, LossIsTorchsOnTheScoredEntriesAlone) {
  torch::manual_seed(4);
  auto logits = torch::randn({2, 3, 5, 7}).requires_grad_();
  const auto targets = torch::randint(0, 7, {2, 3, 5}, torch::kLong);
  const auto scored = torch::rand({2, 3, 5}).lt(0.5);
  const auto loss = token_cross_entropy(logits, targets, scored, 0.1);
  const auto expected = torch::nn::functional::cross_entropy(
      logits.index({scored}),
      targets.index({scored}),
      torch::nn::functional::CrossEntropyFuncOptions().label_smoothing(0.1));
  EXPECT_NEAR(loss.loss.item<double>(), expected.item<double>(), 1e-6);
  loss.loss.backward();
  const auto touched = logits.grad().abs().sum(3).gt(0);
  EXPECT_TRUE(torch::equal(touched, scored));
  for (std::int64_t k = 0; k < 3; ++k) {
    const auto at = scored.select(1, k);
    const auto rows = logits.select(1, k).index({at});
    const auto wanted = targets.select(1, k).index({at});
    EXPECT_NEAR(
        loss.entropy[k].item<double>(),
        torch::nn::functional::cross_entropy(rows, wanted).item<double>(),
        1e-5);
    EXPECT_NEAR(
        loss.accuracy[k].item<double>(),
        rows.argmax(1).eq(wanted).to(torch::kDouble).mean().item<double>(),
        1e-6);
  }
  EXPECT_THROW(token_cross_entropy(logits, targets, torch::zeros_like(scored)), ShapeError);
}

}  // namespace
}  // namespace mmi::nn::decoding
