#include "mmi/nn/decoding/beam.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "mmi/base/errors.h"

namespace mmi::nn::decoding {
namespace {

/// A table of log-probabilities of the next token given the last one.
struct Chain {
  torch::Tensor logits;
  std::int64_t reorders = 0;

  BeamNetwork network() {
    return {
        [this](const torch::Tensor& tokens) {
          return logits.index_select(0, tokens.select(1, tokens.size(1) - 1));
        },
        [this](const torch::Tensor&) { ++reorders; }};
  }
};

/// Every text of up to `length` tokens that ends at its first stop id or at the length.
void all_texts(
    const torch::Tensor& log_p,
    std::int64_t last,
    std::int64_t stop,
    std::int64_t length,
    const BeamHypothesis& so_far,
    std::vector<BeamHypothesis>& out) {
  for (std::int64_t v = 0; v < log_p.size(1); ++v) {
    BeamHypothesis longer = so_far;
    longer.tokens.push_back(v);
    longer.score += log_p[last][v].item<double>();
    if (v == stop || static_cast<std::int64_t>(longer.tokens.size()) == length) {
      out.push_back(longer);
    } else {
      all_texts(log_p, v, stop, length, longer, out);
    }
  }
}

TEST(Beam, AWideSearchFindsTheBestOfAllTexts) {
  torch::manual_seed(5);
  for (const double penalty : {0.0, 1.0}) {
    Chain chain{torch::randn({4, 4}) * 1.5};
    BeamConfig config;
    config.beams = 60;
    config.max_new_tokens = 4;
    config.length_penalty = penalty;
    config.stop = BeamStop::kNever;
    const auto found = beam_search(chain.network(), torch::tensor({{1, 2}}), {3}, config)[0];
    std::vector<BeamHypothesis> all;
    all_texts(chain.logits.log_softmax(1), 2, 3, 4, {}, all);
    for (auto& text : all) {
      text.score /= std::pow(static_cast<double>(text.tokens.size()), penalty);
    }
    std::sort(
        all.begin(), all.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
    for (std::size_t i = 0; i < 5; ++i) {
      // Texts of the same steps in another order are equally probable.
      const auto same = std::count_if(all.begin(), all.end(), [&](const auto& text) {
        return text.tokens == found[i].tokens && std::abs(text.score - found[i].score) < 1e-5;
      });
      EXPECT_EQ(same, 1) << i;
      EXPECT_NEAR(found[i].score, all[i].score, 1e-5);
    }
  }
}

TEST(Beam, OneBeamIsGreedyAndSamplesAreIndependent) {
  torch::manual_seed(6);
  Chain chain{torch::randn({7, 7})};
  BeamConfig config;
  config.beams = 1;
  config.max_new_tokens = 8;
  const auto prompts = torch::tensor({{1}, {4}, {6}});
  const auto found = beam_search(chain.network(), prompts, {}, config);
  const auto next = chain.logits.argmax(1);
  for (std::int64_t b = 0; b < 3; ++b) {
    std::int64_t last = prompts[b][0].item<std::int64_t>();
    for (const std::int64_t token : found[static_cast<std::size_t>(b)][0].tokens) {
      last = next[last].item<std::int64_t>();
      EXPECT_EQ(token, last);
    }
    EXPECT_EQ(found[static_cast<std::size_t>(b)][0].tokens.size(), 8);
  }
  EXPECT_EQ(chain.reorders, 7);
  config.beams = 3;
  const auto together = beam_search(chain.network(), prompts, {0, 2}, config);
  for (std::int64_t b = 0; b < 3; ++b) {
    const auto one = beam_search(chain.network(), prompts.narrow(0, b, 1), {0, 2}, config)[0];
    ASSERT_EQ(one.size(), together[static_cast<std::size_t>(b)].size());
    EXPECT_EQ(one[0].tokens, together[static_cast<std::size_t>(b)][0].tokens);
  }
}

TEST(Beam, WrongInputIsAnError) {
  Chain chain{torch::zeros({3, 3})};
  EXPECT_THROW(
      beam_search(chain.network(), torch::zeros({1, 0}, torch::kLong), {}, {}), ShapeError);
  BeamConfig none;
  none.beams = 0;
  EXPECT_THROW(beam_search(chain.network(), torch::tensor({{1}}), {}, none), ConfigError);
  Chain broken{torch::tensor({{0.0F, 1.0F, 0.0F}, {0.0F, NAN, 0.0F}, {0.0F, 0.0F, 0.0F}})};
  EXPECT_THROW(beam_search(broken.network(), torch::tensor({{0}}), {}, {}), NumericError);
}

}  // namespace
}  // namespace mmi::nn::decoding
