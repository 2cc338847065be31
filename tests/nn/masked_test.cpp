#include "mmi/nn/decoding/masked.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "../support/oracle.h"
#include "mmi/base/errors.h"

namespace mmi::nn::decoding {
namespace {

using Counts = std::vector<std::int64_t>;

constexpr std::int64_t kEntries = 11;

/// Logits that depend on the sample's tokens, the position and the pass, sample by sample.
torch::Tensor toy_logits(const torch::Tensor& tokens, double shift = 0) {
  const auto [batch, levels, frames] = std::tuple(tokens.size(0), tokens.size(1), tokens.size(2));
  const auto sum = tokens.to(torch::kDouble).sum(c10::IntArrayRef({1, 2})).view({batch, 1, 1, 1});
  const auto k = torch::arange(levels).view({1, levels, 1, 1});
  const auto t = torch::arange(frames).view({1, 1, frames, 1});
  const auto v = torch::arange(kEntries).view({1, 1, 1, kEntries});
  const auto own = tokens.unsqueeze(3).to(torch::kDouble);
  return (3 * (0.37 * sum + 1.3 * k + 0.71 * t + 2.1 * v + 0.9 * own + shift + v * t).sin())
      .to(torch::kFloat);
}

struct Recorder {
  std::vector<torch::Tensor> inputs;

  TokenNetwork network() {
    return [this](const torch::Tensor& tokens, std::int64_t) {
      inputs.push_back(tokens.clone());
      return toy_logits(tokens);
    };
  }
};

torch::Tensor blank(std::int64_t batch, std::int64_t levels, std::int64_t frames) {
  return torch::zeros({batch, levels, frames}, torch::kLong);
}

std::vector<std::uint64_t> seeds_of(std::int64_t count) {
  std::vector<std::uint64_t> seeds;
  for (std::int64_t i = 0; i < count; ++i) {
    seeds.push_back(static_cast<std::uint64_t>(100 + 7 * i));
  }
  return seeds;
}

TEST(Masked, CountsAreThoseOfTheSchedule) {
  EXPECT_EQ(
      masked_counts(MaskSchedule::kCosine, 16, 2000),
      (Counts{
          1990, 1961, 1913, 1847, 1763, 1662, 1546, 1414, 1268, 1111, 942, 765, 580, 390, 196, 0}));
  EXPECT_EQ(
      masked_counts(MaskSchedule::kCosine, 16, 800),
      (Counts{796, 784, 765, 739, 705, 665, 618, 565, 507, 444, 377, 306, 232, 156, 78, 0}));
  EXPECT_EQ(
      masked_counts(MaskSchedule::kCosineHalf, 16, 2000),
      (Counts{1980, 1923, 1831, 1707, 1555, 1382, 1195, 1000, 804, 617, 444, 292, 168, 76, 19, 0}));
  EXPECT_EQ(masked_counts(MaskSchedule::kLinear, 4, 100), (Counts{75, 50, 25, 0}));
  EXPECT_EQ(masked_counts(MaskSchedule::kSquare, 4, 100), (Counts{93, 75, 43, 0}));
  EXPECT_EQ(masked_counts(MaskSchedule::kCosine, 5, 5), (Counts{4, 3, 2, 1, 0}));
  EXPECT_EQ(masked_counts(MaskSchedule::kCosine, 16, 1), (Counts{0}));
  EXPECT_EQ(masked_counts(MaskSchedule::kCosine, 1, 40), (Counts{0}));
  EXPECT_TRUE(masked_counts(MaskSchedule::kCosine, 3, 0).empty());
}

TEST(Masked, EveryPassShowsTheNetworkTheCountsOfTheSchedule) {
  Recorder recorder;
  MaskedDecodingConfig config;
  const auto out =
      decode_masked(recorder.network(), blank(3, 4, 50), {}, kEntries, seeds_of(3), config);
  EXPECT_EQ(out.passes, 16);
  ASSERT_EQ(recorder.inputs.size(), 16);
  auto counts = masked_counts(MaskSchedule::kCosine, 16, 200);
  counts.insert(counts.begin(), 200);
  for (std::size_t pass = 0; pass < 16; ++pass) {
    for (std::int64_t b = 0; b < 3; ++b) {
      EXPECT_EQ(recorder.inputs[pass][b].eq(kEntries).sum().item<std::int64_t>(), counts[pass]);
    }
  }
  EXPECT_TRUE(out.tokens.ge(0).all().item<bool>());
  EXPECT_TRUE(out.tokens.lt(kEntries).all().item<bool>());
}

TEST(Masked, CommittedTokensNeverChange) {
  Recorder recorder;
  const auto out =
      decode_masked(recorder.network(), blank(2, 3, 20), {}, kEntries, seeds_of(2), {});
  for (const auto& input : recorder.inputs) {
    const auto committed = input.ne(kEntries);
    EXPECT_TRUE(torch::equal(input.masked_select(committed), out.tokens.masked_select(committed)));
  }
}

TEST(Masked, ABatchOfSevenIsSevenSingles) {
  torch::manual_seed(2);
  for (const auto mode : {MaskMode::kJoint, MaskMode::kLevelwise, MaskMode::kInpaint}) {
    const auto network = [](const torch::Tensor& tokens, std::int64_t pass) {
      const auto half = tokens.size(0) / 2;
      return torch::cat(
          {toy_logits(tokens.narrow(0, 0, half), 0.1 * static_cast<double>(pass)),
           toy_logits(tokens.narrow(0, half, half), 2)});
    };
    MaskedDecodingConfig config;
    config.mode = mode;
    config.steps = 6;
    config.guidance = 3;
    config.sampling.top_k = 5;
    auto tokens = torch::randint(0, kEntries, {7, 4, 9}, torch::kLong);
    auto mask = torch::rand({7, 4, 9}).lt(0.6);
    mask[3].fill_(false);  // nothing to do in one of them
    mask[4].fill_(false);
    mask[4][1][2] = true;
    const auto seeds = seeds_of(7);
    const auto together = decode_masked(network, tokens, mask, kEntries, seeds, config);
    for (std::int64_t b = 0; b < 7; ++b) {
      const auto one = decode_masked(
          network,
          tokens.narrow(0, b, 1),
          mask.narrow(0, b, 1),
          kEntries,
          {seeds[static_cast<std::size_t>(b)]},
          config);
      EXPECT_TRUE(torch::equal(one.tokens[0], together.tokens[b])) << b;
    }
    const auto prompt = mask.logical_not();
    EXPECT_TRUE(torch::equal(together.tokens.masked_select(prompt), tokens.masked_select(prompt)));
  }
}

/// The loop of the paper written out with plain vectors: same noise, other code.
std::vector<std::int64_t> by_hand(
    std::uint64_t seed, std::int64_t levels, std::int64_t frames, const MaskedDecodingConfig& c) {
  const std::int64_t size = levels * frames;
  std::vector<std::int64_t> x(static_cast<std::size_t>(size), kEntries);  // i = t K + k
  for (std::int64_t t = 1; t <= c.steps; ++t) {
    auto tokens = torch::tensor(x).view({frames, levels}).t().contiguous().unsqueeze(0);
    const auto conditional = toy_logits(tokens)[0];
    const auto null = toy_logits(tokens, 2)[0];
    const auto step = static_cast<std::uint64_t>(t - 1);
    const auto u = uniform_draws(seed, "masked token", step, size);
    const auto g = gumbel_draws(seed, "masked confidence", step, size);
    const double r = static_cast<double>(t) / static_cast<double>(c.steps);
    std::vector<std::pair<double, std::int64_t>> confidence;
    for (std::int64_t i = 0; i < size; ++i) {
      const auto at = static_cast<std::size_t>(i);
      if (x[at] != kEntries) {
        continue;
      }
      std::vector<double> logit;
      for (std::int64_t v = 0; v < kEntries; ++v) {
        const double a = conditional[i % levels][i / levels][v].item<double>();
        const double n = null[i % levels][i / levels][v].item<double>();
        logit.push_back((n + c.guidance * (a - n)) / c.sampling.temperature);
      }
      auto sorted = logit;
      std::sort(sorted.rbegin(), sorted.rend());
      const double least = sorted[static_cast<std::size_t>(c.sampling.top_k - 1)];
      double total = 0;
      for (const double l : logit) {
        total += l >= least ? std::exp(l) : 0;
      }
      double sum = 0;
      for (std::size_t v = 0; v < logit.size(); ++v) {
        sum += logit[v] >= least ? std::exp(logit[v]) / total : 0;
        if (sum > u[at]) {
          x[at] = static_cast<std::int64_t>(v);
          const double log_p = logit[v] - std::log(total);
          confidence.emplace_back(log_p + c.noise * (1 - r) * g[at], i);
          break;
        }
      }
    }
    const auto left = static_cast<std::int64_t>(confidence.size());
    auto count = static_cast<std::int64_t>(
        std::floor(std::cos(std::numbers::pi * r / 2) * static_cast<double>(size)));
    count = t == c.steps ? 0 : std::clamp<std::int64_t>(count, 1, left - 1);
    std::sort(confidence.begin(), confidence.end());
    for (std::int64_t i = 0; i < count; ++i) {
      x[static_cast<std::size_t>(confidence[static_cast<std::size_t>(i)].second)] = kEntries;
    }
  }
  return x;
}

TEST(Masked, EqualsTheLoopWrittenByHandWithTheSameNoise) {
  const auto network = [](const torch::Tensor& tokens, std::int64_t) {
    const auto half = tokens.size(0) / 2;
    return torch::cat(
        {toy_logits(tokens.narrow(0, 0, half)), toy_logits(tokens.narrow(0, half, half), 2)});
  };
  MaskedDecodingConfig config;
  config.steps = 8;
  config.guidance = 2.5;
  config.noise = 4;
  config.sampling.top_k = 6;
  config.sampling.temperature = 1.7;
  const auto seeds = seeds_of(5);
  const auto out = decode_masked(network, blank(5, 3, 12), {}, kEntries, seeds, config);
  std::vector<torch::Tensor> expected;
  for (const std::uint64_t seed : seeds) {
    expected.push_back(torch::tensor(by_hand(seed, 3, 12, config)).view({12, 3}).t());
  }
  testing::expect_equal("tokens", out.tokens, torch::stack(expected));
}

TEST(Masked, OnePositionAndAsManyStepsAsPositionsWork) {
  Recorder one;
  EXPECT_EQ(decode_masked(one.network(), blank(1, 1, 1), {}, kEntries, {5}, {}).passes, 1);
  Recorder many;
  MaskedDecodingConfig config;
  config.steps = 12;
  EXPECT_EQ(decode_masked(many.network(), blank(1, 3, 4), {}, kEntries, {5}, config).passes, 12);
  for (std::size_t pass = 0; pass < 12; ++pass) {
    const auto open = many.inputs[pass].eq(kEntries).sum().item<std::int64_t>();
    EXPECT_EQ(open, 12 - static_cast<std::int64_t>(pass));
  }
}

TEST(Masked, GuidanceOneIsTheConditionalNetworkAlone) {
  Recorder recorder;
  MaskedDecodingConfig config;
  const auto alone =
      decode_masked(recorder.network(), blank(2, 2, 8), {}, kEntries, {1, 2}, config).tokens;
  EXPECT_EQ(recorder.inputs[0].size(0), 2);
  // The same through both halves: the unconditional one has no weight.
  config.guidance_final = 1 + 1e-12;
  const auto doubled = decode_masked(
      [](const torch::Tensor& tokens, std::int64_t) {
        EXPECT_EQ(tokens.size(0), 4);
        return torch::cat(
            {toy_logits(tokens.narrow(0, 0, 2)), toy_logits(tokens.narrow(0, 2, 2), 2)});
      },
      blank(2, 2, 8),
      {},
      kEntries,
      {1, 2},
      config);
  EXPECT_TRUE(torch::equal(alone, doubled.tokens));
}

TEST(Masked, WithoutNoiseGreedyNeedsNoSeed) {
  MaskedDecodingConfig config;
  config.noise = 0;
  config.sampling.temperature = 0;
  Recorder recorder;
  const auto first =
      decode_masked(recorder.network(), blank(2, 3, 9), {}, kEntries, {1, 2}, config);
  const auto second =
      decode_masked(recorder.network(), blank(2, 3, 9), {}, kEntries, {8, 9}, config);
  EXPECT_TRUE(torch::equal(first.tokens, second.tokens));
  config.sampling.temperature = 1;
  const auto third =
      decode_masked(recorder.network(), blank(2, 3, 9), {}, kEntries, {8, 9}, config);
  EXPECT_FALSE(torch::equal(first.tokens, third.tokens));
}

TEST(Masked, LevelwiseGoesFromCoarseToFine) {
  Recorder recorder;
  MaskedDecodingConfig config;
  config.mode = MaskMode::kLevelwise;
  config.level_steps = {4, 2, 1};
  const auto out = decode_masked(recorder.network(), blank(1, 3, 10), {}, kEntries, {3}, config);
  EXPECT_EQ(out.passes, 7);
  const Counts level = {0, 0, 0, 0, 1, 1, 2};
  for (std::size_t pass = 0; pass < 7; ++pass) {
    const auto open = recorder.inputs[pass][0].eq(kEntries).sum(1);
    for (std::int64_t k = 0; k < 3; ++k) {
      if (k != level[pass]) {
        EXPECT_EQ(open[k].item<std::int64_t>(), k < level[pass] ? 0 : 10);
      }
    }
  }
  config.level_steps = {};
  EXPECT_EQ(
      decode_masked(recorder.network(), blank(1, 3, 30), {}, kEntries, {3}, config).passes, 18);
}

TEST(Masked, SpansAreCommittedByTheSurestOfTheirFrames) {
  // Level 0 has sure frames 4 and 8, each among unsure ones; their spans of three go first.
  const auto network = [](const torch::Tensor& tokens, std::int64_t) {
    auto logits = torch::zeros({tokens.size(0), 2, 11, kEntries});
    logits.select(3, 5).fill_(2);
    logits.index_put_({0, 0, 4, 5}, 9);
    logits.index_put_({0, 0, 8, 5}, 8);
    return logits;
  };
  MaskedDecodingConfig config;
  config.mode = MaskMode::kLevelwise;
  config.level_steps = {4, 1};
  config.schedule = MaskSchedule::kLinear;
  config.noise = 0;
  config.sampling.temperature = 0;
  config.span = 3;
  std::vector<torch::Tensor> seen;
  const TokenNetwork recorded = [&](const torch::Tensor& tokens, std::int64_t pass) {
    seen.push_back(tokens[0][0].eq(kEntries));
    return network(tokens, pass);
  };
  const auto out = decode_masked(recorded, blank(1, 2, 11), {}, kEntries, {1}, config);
  EXPECT_EQ(out.passes, 5);
  EXPECT_TRUE(out.tokens.eq(5).all().item<bool>());
  const auto open = [](const std::vector<std::int64_t>& frames) {
    auto mask = torch::zeros({11}, torch::kBool);
    for (const std::int64_t frame : frames) {
      mask[frame] = true;
    }
    return mask;
  };
  EXPECT_TRUE(torch::equal(seen[1], open({0, 1, 2, 6, 7, 8, 9, 10})));
  EXPECT_TRUE(torch::equal(seen[2], open({0, 1, 2, 9, 10})));
}

TEST(Masked, CoarseLevelsStayAndFineOnesAreOnePool) {
  Recorder recorder;
  MaskedDecodingConfig config;
  config.mode = MaskMode::kCoarseToFine;
  config.coarse_levels = 2;
  config.steps = 5;
  const auto coarse = torch::randint(0, kEntries, {2, 6, 8}, torch::kLong);
  const auto out = decode_masked(recorder.network(), coarse, {}, kEntries, {3, 4}, config);
  EXPECT_EQ(out.passes, 5);
  EXPECT_TRUE(torch::equal(out.tokens.narrow(1, 0, 2), coarse.narrow(1, 0, 2)));
  EXPECT_EQ(recorder.inputs[0].eq(kEntries).sum().item<std::int64_t>(), 2 * 4 * 8);
  EXPECT_EQ(
      recorder.inputs[1].eq(kEntries).sum().item<std::int64_t>(),
      2 * masked_counts(MaskSchedule::kCosine, 5, 32)[0]);
}

TEST(Masked, AnnealedGuidanceAndTemperatureReachTheirEnds) {
  Recorder recorder;
  MaskedDecodingConfig config;
  config.noise = 0;
  config.steps = 1;
  config.guidance = 7;
  config.guidance_final = 1;
  // A single step begins with everything masked: the full scale.
  const auto network = [](const torch::Tensor& tokens, std::int64_t) {
    auto logits = torch::zeros({tokens.size(0), 1, 1, kEntries});
    logits[0][0][0][4] = 10;
    logits[1][0][0][4] = 9;
    logits[1][0][0][6] = 4;  // guided by 7: 9 + 7 * 1 = 16 against 4 - 7 * 4
    return logits;
  };
  config.sampling.temperature = 5;
  config.temperature_final = 0;
  const auto out = decode_masked(network, blank(1, 1, 1), {}, kEntries, {3}, config);
  EXPECT_EQ(out.tokens.item<std::int64_t>(), 4);
  // The last step of several has temperature 0: whatever the seed, its token is the greatest.
  config = {};
  config.steps = 3;
  config.noise = 0;
  config.sampling.temperature = 1;
  config.temperature_final = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    recorder.inputs.clear();
    const auto result =
        decode_masked(recorder.network(), blank(1, 1, 3), {}, kEntries, {seed}, config);
    const auto last = recorder.inputs.back().eq(kEntries);
    const auto greatest = toy_logits(recorder.inputs.back()).argmax(3);
    EXPECT_TRUE(torch::equal(result.tokens.masked_select(last), greatest.masked_select(last)));
  }
}

TEST(Masked, WrongInputIsAnError) {
  Recorder recorder;
  const auto network = recorder.network();
  MaskedDecodingConfig config;
  EXPECT_THROW(decode_masked(network, blank(2, 2, 3), {}, kEntries, {1}, config), ShapeError);
  EXPECT_THROW(decode_masked(network, blank(1, 2, 3), {}, kEntries + 1, {1}, config), ShapeError);
  config.mode = MaskMode::kInpaint;
  EXPECT_THROW(decode_masked(network, blank(1, 2, 3), {}, kEntries, {1}, config), ConfigError);
  const auto nothing = torch::zeros({1, 2, 3}, torch::kBool);
  EXPECT_THROW(
      decode_masked(network, blank(1, 2, 3) + kEntries, nothing, kEntries, {1}, config),
      ConfigError);
  config.mode = MaskMode::kCoarseToFine;
  EXPECT_THROW(decode_masked(network, blank(1, 2, 3), {}, kEntries, {1}, config), ConfigError);
  config.coarse_levels = 1;
  EXPECT_THROW(
      decode_masked(network, blank(1, 2, 3), nothing.logical_not(), kEntries, {1}, config),
      ConfigError);
  config = {};
  config.sampling.repetition_penalty = 2;
  EXPECT_THROW(decode_masked(network, blank(1, 2, 3), {}, kEntries, {1}, config), ConfigError);
  const auto broken = [](const torch::Tensor& tokens, std::int64_t) {
    return torch::full({tokens.size(0), 2, 3, kEntries}, NAN);
  };
  EXPECT_THROW(decode_masked(broken, blank(1, 2, 3), {}, kEntries, {1}, {}), NumericError);
}

}  // namespace
}  // namespace mmi::nn::decoding
