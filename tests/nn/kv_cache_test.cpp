#include "mmi/nn/decoding/kv_cache.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "mmi/base/errors.h"

namespace mmi::nn::decoding {
namespace {

TEST(KvCache, AppendsBehindWhatIsThereWithoutMovingIt) {
  KvCache cache(2, 3, 2, 10, 4);
  const auto k = torch::randn({3, 2, 5, 4});
  const auto v = torch::randn({3, 2, 5, 4});
  const auto [k0, v0] = cache.append(0, k, v);
  EXPECT_EQ(cache.length(), 0);  // the last layer has none yet
  cache.append(1, k, v);
  EXPECT_EQ(cache.length(), 5);
  const auto more = torch::randn({3, 2, 2, 4});
  const auto [k1, v1] = cache.append(0, more, -more);
  EXPECT_EQ(k1.data_ptr(), k0.data_ptr());
  EXPECT_TRUE(torch::equal(k1, torch::cat({k, more}, 2)));
  EXPECT_TRUE(torch::equal(v1, torch::cat({v, -more}, 2)));
  EXPECT_THROW(cache.append(0, torch::zeros({3, 2, 4, 4}), torch::zeros({3, 2, 4, 4})), ShapeError);
  EXPECT_THROW(cache.append(0, torch::zeros({3, 1, 1, 4}), torch::zeros({3, 1, 1, 4})), ShapeError);
}

TEST(KvCache, CropForgetsTheEnd) {
  KvCache cache(1, 1, 1, 8, 2);
  const auto first = torch::randn({1, 1, 6, 2});
  cache.append(0, first, first);
  cache.crop(4);
  EXPECT_EQ(cache.length(), 4);
  const auto more = torch::randn({1, 1, 1, 2});
  const auto [k, v] = cache.append(0, more, more);
  EXPECT_TRUE(torch::equal(k, torch::cat({first.narrow(2, 0, 4), more}, 2)));
  EXPECT_THROW(cache.crop(6), ConfigError);
}

TEST(KvCache, CropForgetsPaddingToo) {
  KvCache cache(1, 2, 1, 8, 2);
  cache.set_left_padding({3, 0});
  const auto first = torch::randn({2, 1, 6, 2});
  cache.append(0, first, first);
  cache.crop(1);
  EXPECT_TRUE(torch::equal(cache.positions(3), torch::tensor({{0, 1, 2}, {1, 2, 3}})));
  cache.append(0, first.narrow(2, 0, 2), first.narrow(2, 0, 2));
  const auto mask = cache.attention_mask(1).view({2, 4});
  EXPECT_TRUE(torch::equal(mask[0], torch::tensor({false, true, true, true})));
  cache.crop(0);
  EXPECT_TRUE(torch::equal(cache.positions(2), torch::tensor({{0, 1}, {0, 1}})));
}

TEST(KvCache, ReorderMovesSamples) {
  KvCache cache(1, 3, 1, 4, 2);
  const auto k = torch::randn({3, 1, 2, 2});
  cache.append(0, k, 2 * k);
  cache.set_left_padding({0, 1, 0});
  cache.reorder(torch::tensor({1, 1, 0}));
  EXPECT_TRUE(torch::equal(cache.positions(1), torch::tensor({{1}, {1}, {2}})));
  const auto one = torch::zeros({3, 1, 1, 2});
  const auto [keys, values] = cache.append(0, one, one);
  EXPECT_TRUE(torch::equal(keys.narrow(2, 0, 2), k.index_select(0, torch::tensor({1, 1, 0}))));
  EXPECT_TRUE(torch::equal(values.narrow(2, 0, 2), 2 * keys.narrow(2, 0, 2)));
  EXPECT_THROW(cache.reorder(torch::tensor({0})), ShapeError);
}

TEST(KvCache, LeftPaddingShiftsPositionsAndIsNotSeen) {
  KvCache cache(1, 2, 1, 8, 2);
  cache.set_left_padding({0, 2});
  EXPECT_TRUE(torch::equal(cache.positions(4), torch::tensor({{0, 1, 2, 3}, {0, 0, 0, 1}})));
  const auto mask = cache.attention_mask(4);
  const auto causal = torch::ones({4, 4}, torch::kBool).tril();
  EXPECT_TRUE(torch::equal(mask[0][0], causal));
  const auto padded =
      torch::tensor({{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 1, 1}}).to(torch::kBool);
  EXPECT_TRUE(torch::equal(mask[1][0], padded));
  const auto k = torch::zeros({2, 1, 4, 2});
  cache.append(0, k, k);
  EXPECT_TRUE(torch::equal(cache.positions(1), torch::tensor({{4}, {2}})));
  EXPECT_TRUE(torch::equal(
      cache.attention_mask(1)[1][0], torch::tensor({{0, 0, 1, 1, 1}}).to(torch::kBool)));
  cache.set_left_padding({0, 0});
  EXPECT_FALSE(cache.attention_mask(1).defined());
  EXPECT_THROW(cache.set_left_padding({1}), ShapeError);
}

TEST(KvCache, StepsOfGroupedAttentionEqualTheWholeSequence) {
  torch::manual_seed(1);
  const auto q = torch::randn({2, 4, 7, 8});
  const auto k = torch::randn({2, 2, 7, 8});
  const auto v = torch::randn({2, 2, 7, 8});
  const auto whole = at::scaled_dot_product_attention(
      q, k, v, {}, 0, /*is_causal=*/true, std::nullopt, /*enable_gqa=*/true);
  KvCache cache(1, 2, 2, 7, 8);
  std::vector<torch::Tensor> parts;
  for (const auto& [from, n] :
       {std::pair<std::int64_t, std::int64_t>{0, 3}, {3, 2}, {5, 1}, {6, 1}}) {
    const auto mask = cache.attention_mask(n);
    const auto [keys, values] = cache.append(0, k.narrow(2, from, n), v.narrow(2, from, n));
    parts.push_back(at::scaled_dot_product_attention(
        q.narrow(2, from, n),
        keys,
        values,
        mask.defined() ? std::optional<torch::Tensor>(mask) : std::nullopt,
        0,
        false,
        std::nullopt,
        true));
  }
  EXPECT_LT((torch::cat(parts, 2) - whole).abs().max().item<double>(), 1e-6);
}

TEST(KvCache, AWindowHidesOlderColumns) {
  KvCache cache(1, 1, 1, 8, 2);
  const auto keys = torch::zeros({1, 1, 3, 2});
  cache.append(0, keys, keys);
  const auto expected = torch::tensor(
      {{false, true, true, true, false}, {false, false, true, true, true}}, torch::kBool);
  EXPECT_TRUE(cache.attention_mask(2, 3)[0][0].equal(expected));
  // A window that nothing is older than is none.
  EXPECT_FALSE(cache.attention_mask(1, 4).defined());
  EXPECT_TRUE(cache.attention_mask(1, 3).defined());
}

}  // namespace
}  // namespace mmi::nn::decoding
