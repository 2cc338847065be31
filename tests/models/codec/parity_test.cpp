#include <gtest/gtest.h>
#include <torch/torch.h>

#include "../../support/oracle.h"
#include "mmi/codecs/encodec.h"
#include "mmi/heads/gan.h"
#include "mmi/models/codec/discriminator.h"
#include "mmi/models/codec/losses.h"

// Against the official code of EnCodec and audiocraft: scripts/oracles/codec.py.
namespace mmi::models::codec {
namespace {

using testing::branch_of;
using testing::rule_tensor;

const testing::Outputs& stored() {
  static const testing::Outputs outputs("codec/oracle.npz");
  return outputs;
}

void expect_near(const std::string& name, const torch::Tensor& ours, double tolerance) {
  stored().expect_near(name, ours, tolerance);
}

void fill(torch::nn::Module& module) {
  const torch::NoGradGuard no_grad;
  for (const auto& entry : nn::state_of(module)) {
    if (entry.is_parameter || entry.name.ends_with(".embed")) {
      torch::Tensor target = entry.tensor;
      target.copy_(rule_tensor(entry.name, target.sizes().vec(), branch_of(entry.name)));
    }
  }
}

class Losses : public ::testing::Test {
 protected:
  Losses() {
    fill(critic);
  }

  torch::Tensor truth = rule_tensor("input:truth", {2, 1, 4001}, "sym") * 0.3;
  torch::Tensor made =
      (truth + rule_tensor("input:error", {2, 1, 4001}, "sym") * 0.1).requires_grad_();
  Discriminator critic{{.filters = 4, .windows = {256, 128}}};
};

TEST_F(Losses, MelSpectraAndTheirGradient) {
  const auto loss = MelLoss(16000)(made, truth);
  expect_near("mel", loss.detach(), 1e-5);
  loss.backward();
  expect_near("mel.gradient", made.grad()[0][0], 1e-3);
}

TEST_F(Losses, DiscriminatorAndWhatItSays) {
  const torch::NoGradGuard no_grad;
  const Judgement of_truth = critic.forward(truth);
  const Judgement of_made = critic.forward(made);
  for (int i = 0; i < 2; ++i) {
    const auto at = static_cast<std::size_t>(i);
    expect_near(mmi::format("logits.{}", i), of_truth.logits[at][0][0], 1e-4);
    expect_near(mmi::format("feature.{}", i), of_truth.features[at][3][0][1], 1e-4);
  }
  constexpr heads::GanConfig kHinge{heads::GanLoss::kHinge};
  expect_near("features", feature_loss(of_made.features, of_truth.features), 1e-5);
  expect_near("generator", heads::generator_loss(kHinge, of_made.logits), 1e-4);
  expect_near("critic", heads::discriminator_loss(kHinge, of_truth.logits, of_made.logits), 1e-5);
}

TEST(Parity, BalancerOverThreeSteps) {
  GradientBalancer balancer({{"a", 4}, {"b", 0.1}, {"c", 2}});
  for (int step = 0; step < 3; ++step) {
    const auto wave =
        rule_tensor(mmi::format("input:wave{}", step), {3, 1, 50}, "sym").requires_grad_();
    const auto target = rule_tensor(mmi::format("input:target{}", step), {3, 1, 50}, "sym");
    const auto value = balancer.forward(
        {{"a", (wave - target).abs().mean()},
         {"b", (wave * target).sum()},
         {"c", wave.pow(4).sum()}},
        wave);
    value.backward();
    expect_near(mmi::format("balanced.{}", step), wave.grad(), 1e-5);
    expect_near(mmi::format("effective.{}", step), value.detach(), 1e-5);
  }
}

TEST(Parity, EncodecOfItsPackage) {
  for (const bool causal : {true, false}) {
    codecs::EncodecConfig config;
    config.filters = 4;
    config.dim = 16;
    config.ratios = {4, 3, 2};
    config.lstm_layers = 1;
    config.causal = causal;
    config.shortcut = causal;
    config.norm = codecs::ConvNorm::kWeightNorm;
    config.codebooks = 3;
    config.codebook_size = 32;
    codecs::Encodec codec(config);
    fill(codec);
    codec.eval();
    const torch::NoGradGuard no_grad;
    const std::string name = causal ? "encodec.causal." : "encodec.plain.";
    const auto wave = rule_tensor("input:wave", {2, 1, 1001}, "sym");
    expect_near(name + "latents", codec.to_latents(wave), 1e-4);
    const auto codes = codec.encode(wave).codes;
    stored().expect_equal(name + "codes", codes);
    expect_near(name + "wave", codec.from_latents(codec.embed(codes)), 1e-4);
  }
}

}  // namespace
}  // namespace mmi::models::codec
