#include "mmi/nn/decoding/autoregressive.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "mmi/base/errors.h"

namespace mmi::nn::decoding {
namespace {

constexpr std::int64_t kEntries = 9;

/// Logits (K,V) that depend on all columns so far of one sample (K,S).
torch::Tensor toy_logits(const torch::Tensor& history, double shift = 0) {
  const auto weight =
      torch::arange(1, history.numel() + 1).to(torch::kDouble).view(history.sizes());
  const double sum = (history.to(torch::kDouble) * (0.7 * weight).sin()).sum().item<double>();
  const auto k = torch::arange(history.size(0)).unsqueeze(1);
  const auto v = torch::arange(kEntries).unsqueeze(0);
  return (2.5 * (sum + 1.1 * k + 1.9 * v + shift).sin()).to(torch::kFloat);
}

/// Remembers what it was fed, as a network with a cache does.
struct Memory {
  torch::Tensor seen;
  std::int64_t calls = 0;
  double null_shift = 2;
  bool guided = false;

  ColumnNetwork network() {
    return [this](const torch::Tensor& columns) {
      seen = seen.defined() ? torch::cat({seen, columns}, 2) : columns.clone();
      ++calls;
      std::vector<torch::Tensor> rows;
      for (std::int64_t b = 0; b < seen.size(0); ++b) {
        rows.push_back(toy_logits(seen[b], guided && b >= seen.size(0) / 2 ? null_shift : 0));
      }
      return torch::stack(rows);
    };
  }
};

AutoregressiveRequest request_of(std::int64_t batch, std::int64_t codebooks, std::int64_t frames) {
  AutoregressiveRequest request;
  request.entries = kEntries;
  request.frames = frames;
  request.prompt = torch::zeros({batch, codebooks, 0}, torch::kLong);
  for (std::int64_t b = 0; b < batch; ++b) {
    request.seeds.push_back(static_cast<std::uint64_t>(40 + b));
  }
  return request;
}

TEST(Autoregressive, PassesAreThoseOfThePattern) {
  for (const auto& [kind, passes] :
       {std::pair{PatternKind::kFlatten, 40},
        {PatternKind::kDelay, 13},
        {PatternKind::kParallel, 10}}) {
    Memory memory;
    AutoregressiveConfig config;
    config.pattern = kind;
    const auto out = decode_autoregressive(memory.network(), request_of(2, 4, 10), config);
    EXPECT_EQ(out.passes, passes);
    EXPECT_EQ(memory.calls, passes);
    EXPECT_EQ(out.codes.sizes(), c10::IntArrayRef({2, 4, 10}));
    EXPECT_TRUE(out.codes.ge(0).all().item<bool>() && out.codes.lt(kEntries).all().item<bool>());
    // What the network saw is the woven result, up to its last column.
    const auto woven = CodebookPattern(kind, 4).weave(out.codes, kEntries);
    EXPECT_TRUE(torch::equal(memory.seen, woven.narrow(2, 0, passes)));
  }
}

TEST(Autoregressive, EqualsTheLoopWrittenByHand) {
  Memory memory;
  memory.guided = true;
  AutoregressiveConfig config;
  config.guidance = 3;
  config.sampling.top_k = 4;
  const auto request = request_of(1, 3, 6);
  const auto out = decode_autoregressive(memory.network(), request, config);
  auto sequence = torch::full({3, 9}, kEntries, torch::kLong);
  for (std::int64_t s = 1; s <= 8; ++s) {
    const auto history = sequence.narrow(1, 0, s);
    const auto a = toy_logits(history);
    const auto n = toy_logits(history, 2);
    const auto u = uniform_draws(40, "next token", static_cast<std::uint64_t>(s), 3);
    for (std::int64_t k = 0; k < 3; ++k) {
      if (s - 1 - k < 0 || s - 1 - k >= 6) {
        continue;
      }
      const auto logits = (n + 3 * (a - n))[k];
      const auto p = logits.masked_fill(logits.lt(std::get<0>(logits.topk(4))[3]), -INFINITY)
                         .to(torch::kDouble)
                         .softmax(0)
                         .cumsum(0);
      sequence[k][s] = p.le(u[static_cast<std::size_t>(k)]).sum();
    }
  }
  for (std::int64_t k = 0; k < 3; ++k) {
    EXPECT_TRUE(torch::equal(out.codes[0][k], sequence[k].narrow(0, 1 + k, 6)));
  }
}

TEST(Autoregressive, ABatchIsItsSinglesAndThePromptStays) {
  torch::manual_seed(1);
  auto request = request_of(5, 3, 8);
  request.prompt = torch::randint(0, kEntries, {5, 3, 3}, torch::kLong);
  AutoregressiveConfig config;
  config.sampling.repetition_penalty = 1.3;
  Memory memory;
  const auto together = decode_autoregressive(memory.network(), request, config);
  EXPECT_TRUE(torch::equal(together.codes.narrow(2, 0, 3), request.prompt));
  EXPECT_EQ(together.passes, 7);  // 8 + 3 - 1 columns, 3 of which the prompt fills or begins
  for (std::int64_t b = 0; b < 5; ++b) {
    auto one = request_of(1, 3, 8);
    one.prompt = request.prompt.narrow(0, b, 1);
    one.seeds = {request.seeds[static_cast<std::size_t>(b)]};
    Memory alone;
    const auto out = decode_autoregressive(alone.network(), one, config);
    EXPECT_TRUE(torch::equal(out.codes[0], together.codes[b])) << b;
  }
}

TEST(Autoregressive, FramesArriveOnceInOrderAndMayEndIt) {
  auto request = request_of(1, 2, 6);
  std::vector<std::int64_t> frames;
  std::vector<torch::Tensor> codes;
  request.on_frame = [&](std::int64_t t, const torch::Tensor& code) {
    frames.push_back(t);
    codes.push_back(code);
    return t < 3;
  };
  Memory memory;
  const auto out = decode_autoregressive(memory.network(), request, {});
  EXPECT_EQ(frames, (std::vector<std::int64_t>{0, 1, 2, 3}));
  EXPECT_TRUE(torch::equal(torch::stack(codes, 2), out.codes));
  EXPECT_EQ(out.passes, 5);
  EXPECT_EQ(out.lengths, (std::vector<std::int64_t>{4}));
}

TEST(Autoregressive, ATextEndsAtItsStopId) {
  auto request = request_of(2, 1, 20);
  request.prompt = torch::tensor({{{1, 2}}, {{3, 4}}});
  request.start_column = false;
  request.stop_ids = {5};
  request.pad_id = 7;
  const auto network = [calls = 0](const torch::Tensor& columns) mutable {
    EXPECT_EQ(columns.size(2), calls == 0 ? 2 : 1);  // the prompt, then a token a time
    // Sample 0 writes 5 at its third token, sample 1 at its fifth.
    ++calls;
    auto logits = torch::full({2, 1, kEntries}, -30.F);
    logits[0][0][calls == 3 ? 5 : 6] = 0;
    logits[1][0][calls == 5 ? 5 : 6] = 0;
    return logits;
  };
  const auto out = decode_autoregressive(network, request, {});
  EXPECT_EQ(out.passes, 5);
  EXPECT_EQ(out.lengths, (std::vector<std::int64_t>{5, 7}));
  const auto expected = torch::tensor({{{1, 2, 6, 6, 5, 7, 7}}, {{3, 4, 6, 6, 6, 6, 5}}});
  EXPECT_TRUE(torch::equal(out.codes, expected));
}

TEST(Autoregressive, RepetitionPenaltyKnowsThePrompt) {
  auto request = request_of(1, 1, 3);
  request.prompt = torch::tensor({{{2}}});
  AutoregressiveConfig config;
  config.sampling.temperature = 0;
  config.sampling.repetition_penalty = 2;
  const auto network = [](const torch::Tensor&) {
    auto logits = torch::zeros({1, 1, kEntries});
    logits[0][0][2] = 3;
    logits[0][0][4] = 2;
    logits[0][0][6] = 1.6F;
    return logits;
  };
  const auto out = decode_autoregressive(network, request, config);
  EXPECT_TRUE(torch::equal(out.codes, torch::tensor({{{2, 4, 6}}})));
}

TEST(Autoregressive, WrongRequestsAreErrors) {
  Memory memory;
  const auto network = memory.network();
  auto request = request_of(2, 2, 4);
  request.seeds.pop_back();
  EXPECT_THROW(decode_autoregressive(network, request, {}), ShapeError);
  request = request_of(1, 2, 4);
  request.stop_ids = {1};
  EXPECT_THROW(decode_autoregressive(network, request, {}), ConfigError);
  request = request_of(1, 1, 4);
  request.start_column = false;
  EXPECT_THROW(decode_autoregressive(network, request, {}), ConfigError);
  request = request_of(1, 1, 1);
  request.prompt = torch::zeros({1, 1, 2}, torch::kLong);
  EXPECT_THROW(decode_autoregressive(network, request, {}), ConfigError);
  request.frames = 4;
  request.prompt.fill_(kEntries);
  EXPECT_THROW(decode_autoregressive(network, request, {}), ConfigError);
}

}  // namespace
}  // namespace mmi::nn::decoding
