#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <map>
#include <regex>

#include "../support/oracle.h"
#include "mmi/heads/autoregressive_transformer.h"
#include "mmi/heads/masked_transformer.h"
#include "mmi/nn/state.h"

// Blocks of both token transformers against the package x-transformers
// (scripts/oracles/transformer_blocks.py) and against plain arithmetic.
namespace mmi::heads {
namespace {

using testing::rule_tensor;

constexpr std::int64_t kDim = 32;
constexpr std::int64_t kHeads = 4;
constexpr std::int64_t kSplit = 5;  // positions of the condition
constexpr std::int64_t kFrames = 9;

torch::Tensor some_features() {
  return rule_tensor("input:features", {2, kSplit, 6}, "sym");
}

torch::Tensor some_codes() {
  return (rule_tensor("input:codes", {2, 3, kFrames}, "unit") * 20).floor().to(torch::kLong);
}

class Blocks : public ::testing::Test {
 protected:
  Blocks() {
    net.eval();
    mask[1].narrow(0, 0, 2).fill_(false);
  }

  static MaskedTransformerConfig config() {
    MaskedTransformerConfig made;
    made.dim = kDim;
    made.heads = kHeads;
    made.multiway_layers = 2;
    made.shared_layers = 2;
    made.embedding_dim = 16;
    return made;
  }

  torch::NoGradGuard no_grad;
  MaskedTransformer net{
      config(),
      {.codebooks = 3,
       .entries = 20,
       .condition_features = 6,
       .codebook_rows = {},
       .device = torch::kCPU}};
  torch::Tensor features = some_features();
  torch::Tensor mask = torch::ones({2, kSplit}, torch::kBool);
  torch::Tensor codes = some_codes();
};

// Experts with equal weights are one ordinary block.
TEST_F(Blocks, ComputeWhatXTransformersComputes) {
  for (const auto& entry : nn::state_of(net)) {
    const std::string key = std::regex_replace(entry.name, std::regex("\\.[AB]\\."), ".");
    const bool norm = key.find(".0.0.") != std::string::npos && entry.tensor.dim() == 1;
    torch::Tensor target = entry.tensor;
    std::string branch = testing::branch_of(key);
    if (norm || key.find("final_norm") != std::string::npos) {
      branch = key.ends_with(".bias") ? "zero" : "gain";
    } else if (key.starts_with("modality") || key == "embedding.codebooks") {
      branch = "sym";
    }
    target.copy_(rule_tensor(key, target.sizes().vec(), branch));
  }
  const auto a = net.activations({features, mask}, codes);
  const testing::Outputs stored("x_transformers/oracle.npz");
  stored.expect_near("encoder", a.encoder, 1e-5);
  stored.expect_near("decoder", a.decoder, 1e-5);
}

TEST(CausalBlocks, ComputeWhatXTransformersComputes) {
  const torch::NoGradGuard no_grad;
  AutoregressiveTransformerConfig config;
  config.dim = kDim;
  config.heads = kHeads;
  config.layers = 2;
  config.decoding.pattern = nn::decoding::PatternKind::kParallel;
  AutoregressiveTransformer net(
      config,
      {.codebooks = 3,
       .entries = 20,
       .condition_features = 6,
       .codebook_rows = {},
       .device = torch::kCPU});
  net.eval();
  for (const auto& entry : nn::state_of(net)) {
    const std::string& key = entry.name;
    torch::Tensor target = entry.tensor;
    const auto shape = target.sizes().vec();
    if (const auto at = key.find("in_proj_weight"); at != std::string::npos) {
      auto parts = target.chunk(3);
      const std::vector<std::string> names{"to_q", "to_k", "to_v"};
      for (std::size_t i = 0; i < 3; ++i) {
        parts[i].copy_(
            rule_tensor(key.substr(0, at) + names[i] + ".weight", {kDim, kDim}, "matrix"));
      }
    } else if (key.find("norm") != std::string::npos) {
      target.copy_(rule_tensor(key, shape, key.ends_with(".bias") ? "zero" : "gain"));
    } else {
      const bool row = key.starts_with("emb.");
      target.copy_(rule_tensor(key, shape, row ? "sym" : testing::branch_of(key)));
    }
  }
  const testing::Outputs stored("x_transformers/oracle.npz");
  stored.expect_near("causal", net.logits({some_features(), {}}, some_codes()), 1e-5);
}

/// Pre-norm blocks one position, one head, one expert at a time.
class Eager {
 public:
  Eager(const torch::nn::Module& net, torch::Tensor real) : real_(std::move(real)) {
    for (const auto& entry : nn::state_of(net)) {
      state_[entry.name] = entry.tensor;
    }
  }

  torch::Tensor stage(const std::string& name, torch::Tensor x, bool multiway) const {
    const std::string layers = name + ".attn_layers.layers.";
    for (int i = 0; i < 4; i += 2) {
      const auto key = [&](int sublayer, const char* rest) {
        return layers + std::to_string(sublayer) + rest;
      };
      x = x + attention(key(i, ".1."), norm(key(i, ".0.0."), x, multiway));
      const auto in = norm(key(i + 1, ".0.0."), x, multiway);
      x = x + each(key(i + 1, ".1."), in, multiway, [&](const auto& expert, const auto& row) {
            const auto hidden = at::mv(get(expert + "ff.0.0.weight"), row);
            const auto active = hidden * 0.5 * (1 + at::erf(hidden / std::sqrt(2.0)));
            return at::mv(get(expert + "ff.2.weight"), active);
          });
    }
    return norm(name + ".attn_layers.final_norm.", x, multiway);
  }

  const torch::Tensor& get(const std::string& key) const {
    return state_.at(key);
  }

 private:
  template <class Function>
  torch::Tensor each(
      const std::string& key, const torch::Tensor& x, bool multiway, Function compute) const {
    auto y = torch::empty_like(x);
    for (std::int64_t b = 0; b < x.size(0); ++b) {
      for (std::int64_t i = 0; i < x.size(1); ++i) {
        const std::string expert = multiway ? (i < kSplit ? "A." : "B.") : "";
        y[b][i] = compute(key + expert, x[b][i]);
      }
    }
    return y;
  }

  torch::Tensor norm(const std::string& key, const torch::Tensor& x, bool multiway) const {
    return each(key, x, multiway, [&](const auto& expert, const auto& row) {
      const auto apart = row - row.mean();
      const auto unit = apart / (apart.pow(2).mean() + 1e-5).sqrt();
      return unit * get(expert + "weight") + get(expert + "bias");
    });
  }

  torch::Tensor attention(const std::string& key, const torch::Tensor& x) const {
    const std::int64_t width = kDim / kHeads;
    const std::int64_t length = x.size(1);
    auto mixed = torch::zeros_like(x);
    for (std::int64_t b = 0; b < x.size(0); ++b) {
      const auto q = at::matmul(x[b], get(key + "to_q.weight").t());
      const auto k = at::matmul(x[b], get(key + "to_k.weight").t());
      const auto v = at::matmul(x[b], get(key + "to_v.weight").t());
      for (std::int64_t h = 0; h < kHeads; ++h) {
        const double slope = std::pow(2.0, -8.0 * static_cast<double>(h + 1) / kHeads);
        const auto of = [&](const torch::Tensor& t) { return t.narrow(1, h * width, width); };
        auto scores = at::matmul(of(q), of(k).t()) / std::sqrt(static_cast<double>(width));
        for (std::int64_t i = 0; i < length; ++i) {
          for (std::int64_t j = 0; j < length; ++j) {
            scores[i][j] -= slope * static_cast<double>(std::abs(i - j));
          }
        }
        const auto weights = scores.exp() * real_[b].unsqueeze(0);
        of(mixed[b]).copy_(at::matmul(weights / weights.sum(1, true), of(v)));
      }
    }
    return at::matmul(mixed, get(key + "to_out.weight").t()) * real_.unsqueeze(2);
  }

  std::map<std::string, torch::Tensor> state_;
  torch::Tensor real_;  // (B,N)
};

TEST_F(Blocks, MultiwayStageIsPlainArithmetic) {
  torch::manual_seed(1);
  for (auto& parameter : net.parameters()) {
    const auto fan_in = static_cast<double>(parameter.size(-1));
    parameter.normal_(0, parameter.dim() == 1 ? 1 : 1 / std::sqrt(fan_in));
  }
  const auto a = net.activations({features, mask}, codes);
  const Eager eager(net, torch::cat({mask, torch::ones({2, kFrames}, torch::kBool)}, 1));
  auto x = torch::cat(
      {a.condition_embedding + eager.get("modality_v"),
       a.token_embedding + eager.get("modality_a")},
      1);
  for (std::int64_t i = 0; i < x.size(1); ++i) {
    for (std::int64_t j = 0; j < kDim / 2; ++j) {
      const double angle = static_cast<double>(i) / std::pow(10000.0, 2.0 * j / kDim);
      x.select(1, i).select(1, j) += std::sin(angle);
      x.select(1, i).select(1, kDim / 2 + j) += std::cos(angle);
    }
  }
  const auto encoder = eager.stage("encoder", x, true);
  const auto decoder = eager.stage("decoder", encoder, false);
  testing::expect_difference("eager.encoder", a.encoder, encoder, 1e-5);
  testing::expect_difference("eager.decoder", a.decoder, decoder, 1e-5);
}

}  // namespace
}  // namespace mmi::heads
