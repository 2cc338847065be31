#include "mmi/heads/masked_transformer.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <thread>
#include <vector>

#include "../support/oracle.h"
#include "mmi/base/errors.h"
#include "mmi/nn/state.h"

namespace mmi::heads {
namespace {

MaskedTransformerConfig tiny() {
  MaskedTransformerConfig config;
  config.dim = 32;
  config.heads = 2;
  config.multiway_layers = 1;
  config.shared_layers = 1;
  config.embedding_dim = 16;
  config.decoding.steps = 4;
  config.decoding.sampling.top_k = 8;
  return config;
}

TokenHead::BuildArgs tiny_args() {
  return {
      .codebooks = 3,
      .entries = 20,
      .condition_features = 6,
      .codebook_rows = {},
      .device = torch::kCPU};
}

/// The published network, filled by the rule; the codebooks are inputs there and state here.
void check_published(
    const std::string& network,
    const MaskedTransformerConfig& config,
    std::int64_t condition_features,
    torch::Dtype dtype,
    double tolerance) {
  const torch::NoGradGuard no_grad;
  const testing::Oracle expected(std::filesystem::path(MMI_TEST_DATA) / "vatt", network);
  std::vector<torch::Tensor> rows;
  for (const char* name : {"codebook.0", "codebook.1", "codebook.2", "codebook.3"}) {
    rows.push_back(expected.input(name));
  }
  MaskedTransformer net(
      config,
      {.codebooks = 4,
       .entries = 2048,
       .condition_features = condition_features,
       .codebook_rows = torch::stack(rows),
       .device = torch::kCPU});
  EXPECT_EQ(nn::parameter_count(net), expected.parameters());
  auto keys = expected.keys();
  const testing::Json ours = {"embedding.codebooks", {4, 2048, 128}, "constant"};
  const auto place = std::find_if(
      keys.begin(), keys.end(), [](const auto& key) { return key[0] == "embedding.special.MASK"; });
  keys.insert(place, ours);
  ASSERT_NO_FATAL_FAILURE(testing::fill_by_rule(net, keys));
  net.eval();
  net.to(dtype);
  auto mask = torch::ones({2, 12}, torch::kBool);
  mask[1].narrow(0, 0, 3).fill_(false);
  const auto features = expected.input(format("visual_{}", condition_features)).to(dtype);
  const auto hidden = expected.input("token_mask").to(torch::kBool);
  const auto codes = expected.input("audio_tokens").masked_fill(hidden, 2048);
  const auto a = net.activations({features, mask}, codes);
  expected.expect("token_embedding", a.token_embedding, tolerance);
  expected.expect("visual_embedding", a.condition_embedding, tolerance);
  expected.expect("encoder_attention0", a.encoder_attention0, tolerance);
  expected.expect("encoder_ff0", a.encoder_ff0, tolerance);
  expected.expect("encoder", a.encoder, tolerance);
  expected.expect("decoder_attention0", a.decoder_attention0, tolerance);
  expected.expect("decoder", a.decoder, tolerance);
  expected.expect("logits", a.logits.permute({0, 3, 1, 2}).flatten(2), tolerance);
}

MaskedTransformerConfig published(std::int64_t dim, std::int64_t heads, std::int64_t layers) {
  MaskedTransformerConfig config;
  config.dim = dim;
  config.heads = heads;
  config.multiway_layers = layers;
  config.shared_layers = layers;
  config.share_multiway_norm = true;
  return config;
}

TEST(MaskedTransformer, ComputesWhatThePublishedDecoderComputes) {
  const auto small = published(128, 2, 2);
  check_published("vatt_decoder_small", small, 48, torch::kFloat, 1e-5);
  // The published table of positions is float32, and differs from ours in last bits.
  check_published("vatt_decoder_small", small, 48, torch::kDouble, 1e-7);
  check_published("vatt_decoder_1024", published(1024, 16, 1), 4096, torch::kFloat, 1e-5);
}

TEST(MaskedTransformer, HasThePublishedNumbersOfParameters) {
  const auto count = [](bool share) {
    auto config = published(1024, 16, 12);
    config.share_multiway_norm = share;
    // No memory and no values: 1.6 GB otherwise.
    MaskedTransformer net(
        config,
        {.codebooks = 4,
         .entries = 2048,
         .condition_features = 4096,
         .codebook_rows = torch::empty({4, 2048, 128}, torch::kMeta),
         .device = torch::kMeta});
    const auto [multiway, shared] = net.stage_parameters();
    return std::tuple(multiway, multiway + shared, nn::parameter_count(net));
  };
  // The published numbers of the stages count one pair of norms.
  EXPECT_EQ(count(true), std::tuple(251662336, 402708480, 415427072));
  EXPECT_EQ(count(false), std::tuple(251760640, 402806784, 415525376));
}

TEST(MaskedTransformer, SharedNormsAreOnePair) {
  auto config = tiny();
  const auto names = [&](bool share) {
    config.share_multiway_norm = share;
    const MaskedTransformer net(config, tiny_args());
    std::int64_t aliases = 0;
    for (const auto& entry : nn::state_of(net)) {
      aliases += entry.alias_of.empty() ? 0 : 1;
    }
    return aliases;
  };
  EXPECT_EQ(names(false), 0);
  EXPECT_EQ(names(true), 8);  // two further places, each with weight and bias of A and B
}

TEST(MaskedTransformer, PaddingOfTheConditionChangesNothing) {
  torch::manual_seed(1);
  MaskedTransformer net(tiny(), tiny_args());
  net.eval();
  const torch::NoGradGuard no_grad;
  const auto codes = torch::randint(0, 21, {2, 3, 7}, torch::kLong);
  auto features = torch::randn({2, 5, 6});
  auto mask = torch::ones({2, 5}, torch::kBool);
  mask[1][0] = false;
  const auto before = net.logits({features, mask}, codes);
  features[1][0].fill_(100);
  EXPECT_TRUE(torch::allclose(net.logits({features, mask}, codes), before, 1e-5, 1e-6));
  features[1][1].fill_(100);
  EXPECT_FALSE(torch::allclose(net.logits({features, mask}, codes), before, 1e-2, 1e-2));
}

TEST(MaskedTransformer, GeneratesWithSeedsPromptsAndGuidance) {
  torch::manual_seed(2);
  MaskedTransformer net(tiny(), tiny_args());
  net.eval();
  const TokenCondition condition{torch::randn({3, 4, 6}), {}};
  const auto prompt = torch::randint(0, 20, {3, 3, 2}, torch::kLong);
  const auto out = net.generate(condition, 9, {7, 8, 9}, prompt);
  EXPECT_EQ(out.passes, 4);
  EXPECT_EQ(out.codes.sizes(), c10::IntArrayRef({3, 3, 9}));
  EXPECT_TRUE(torch::equal(out.codes.narrow(2, 0, 2), prompt));
  EXPECT_TRUE(out.codes.ge(0).all().item<bool>() && out.codes.lt(20).all().item<bool>());
  EXPECT_TRUE(torch::equal(net.generate(condition, 9, {7, 8, 9}, prompt).codes, out.codes));
  EXPECT_FALSE(torch::equal(net.generate(condition, 9, {17, 8, 9}, prompt).codes, out.codes));
  for (std::int64_t b = 0; b < 3; ++b) {
    const auto one = net.generate(
        {condition.features.narrow(0, b, 1), {}},
        9,
        {static_cast<std::uint64_t>(7 + b)},
        prompt.narrow(0, b, 1));
    EXPECT_TRUE(torch::equal(one.codes[0], out.codes[b])) << b;
  }
}

TEST(MaskedTransformer, TheConditionMattersUnlessItIsDropped) {
  torch::manual_seed(3);
  auto config = tiny();
  config.dropout = 0;
  config.condition_dropout = 1;
  MaskedTransformer net(config, tiny_args());
  const auto codes = torch::randint(0, 20, {2, 3, 8}, torch::kLong);
  const auto loss = [&](MaskedTransformer& of, double scale) {
    const TokenCondition condition{torch::full({2, 4, 6}, scale), {}};
    return of.loss(condition, codes, Rng(5)).loss.item<double>();
  };
  EXPECT_EQ(loss(net, 1), loss(net, 2));
  config.condition_dropout = 0;
  MaskedTransformer other(config, tiny_args());
  EXPECT_NE(loss(other, 1), loss(other, 2));
}

TEST(MaskedTransformer, LearnsAndReachesEveryParameter) {
  torch::manual_seed(4);
  auto config = tiny();
  config.dropout = 0;
  config.label_smoothing = 0;
  MaskedTransformer net(config, tiny_args());
  const auto codes = torch::randint(0, 20, {4, 3, 6}, torch::kLong);
  const TokenCondition condition{torch::randn({4, 2, 6}), {}};
  torch::optim::Adam adam(net.parameters(), torch::optim::AdamOptions(3e-3));
  double last = 0;
  for (std::uint64_t step = 0; step < 150; ++step) {
    adam.zero_grad();
    const auto loss = net.loss(condition, codes, Rng(step));
    loss.loss.backward();
    if (step == 0) {
      EXPECT_NEAR(loss.loss.item<double>(), std::log(20), 0.6);
      for (const auto& item : net.named_parameters()) {
        EXPECT_TRUE(item.value().grad().defined()) << item.key();
      }
    }
    adam.step();
    last = loss.loss.item<double>();
  }
  EXPECT_LT(last, 0.7);
}

TEST(MaskedTransformer, TrainsAfterInferenceMode) {
  auto config = tiny();
  config.dropout = 0;  // the fused attention keeps its bias for the way back
  MaskedTransformer net(config, tiny_args());
  const TokenCondition condition{torch::randn({1, 4, 6}), {}};
  const auto codes = torch::zeros({1, 3, 5}, torch::kLong);
  {
    const c10::InferenceMode on;
    net.logits(condition, codes);
  }
  net.loss(condition, codes, Rng(1)).loss.backward();
  EXPECT_TRUE(net.parameters().front().grad().defined());
}

TEST(MaskedTransformer, CoarseToFineCompletesWhatItIsGiven) {
  torch::manual_seed(5);
  auto config = tiny();
  config.decoding.mode = nn::decoding::MaskMode::kCoarseToFine;
  config.decoding.coarse_levels = 1;
  MaskedTransformer net(config, tiny_args());
  net.eval();
  const TokenCondition condition{torch::randn({1, 4, 6}), {}};
  const auto coarse = torch::randint(0, 20, {1, 3, 5}, torch::kLong);
  const auto out = net.complete(condition, coarse, {}, {3});
  EXPECT_TRUE(torch::equal(out.codes.narrow(1, 0, 1), coarse.narrow(1, 0, 1)));
  EXPECT_THROW(net.generate(condition, 5, {3}), ConfigError);
}

TEST(MaskedTransformer, ThreadsMayGenerateLengthsOfTheirOwn) {
  torch::manual_seed(1);
  MaskedTransformer net(tiny(), tiny_args());
  net.eval();
  const TokenCondition condition{torch::randn({1, 4, 6}), {}};
  std::vector<torch::Tensor> alone;
  for (std::int64_t frames = 3; frames < 7; ++frames) {
    alone.push_back(net.generate(condition, frames, {5}).codes);
  }
  std::atomic<int> unlike = 0;
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < alone.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int again = 0; again < 20; ++again) {
        const auto frames = static_cast<std::int64_t>(3 + t);
        unlike += !net.generate(condition, frames, {5}).codes.equal(alone[t]);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(unlike, 0);
}

TEST(MaskedTransformer, WrongShapesAreErrors) {
  MaskedTransformer net(tiny(), tiny_args());
  const auto codes = torch::zeros({1, 3, 5}, torch::kLong);
  EXPECT_THROW(net.logits({torch::zeros({1, 4, 5}), {}}, codes), ShapeError);
  EXPECT_THROW(net.logits({torch::zeros({2, 4, 6}), {}}, codes), ShapeError);
  EXPECT_THROW(
      net.logits({torch::zeros({1, 4, 6}), torch::zeros({1, 3}, torch::kBool)}, codes), ShapeError);
  EXPECT_THROW(net.logits({torch::zeros({1, 4, 6}), {}}, codes.narrow(1, 0, 2)), ShapeError);
  EXPECT_THROW(net.generate({torch::zeros({1, 4, 6}), {}}, 0, {1}), ConfigError);
  auto args = tiny_args();
  args.codebook_rows = torch::zeros({3, 19, 4});
  EXPECT_THROW(MaskedTransformer(tiny(), args), ShapeError);
  auto config = tiny();
  config.heads = 3;
  EXPECT_THROW(MaskedTransformer(config, tiny_args()), ConfigError);
}

}  // namespace
}  // namespace mmi::heads
