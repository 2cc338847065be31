#include "mmi/nn/kernels/decode_step.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

namespace mmi::nn {
namespace {

TEST(DecodeStep, AttendsAsTorchDoes) {
  torch::manual_seed(1);
  for (const std::int64_t dim : {7, 16, 64, 100}) {
    for (const std::int64_t kv_heads : {1, 2, 4}) {
      const auto q = torch::randn({3, 1, 4, dim});
      // Views of a cache with room for more.
      const auto keys = torch::randn({3, kv_heads, 20, dim}).narrow(2, 0, 13);
      const auto values = torch::randn({3, kv_heads, 20, dim}).narrow(2, 0, 13);
      auto real = torch::ones({3, 20}, torch::kBool);
      real.narrow(1, 0, 5).fill_(false);
      const double scale = 1 / std::sqrt(static_cast<double>(dim));
      for (const bool padded : {false, true}) {
        const auto mask = padded ? std::optional(real.narrow(1, 0, 13).view({3, 1, 1, 13}))
                                 : std::optional<torch::Tensor>();
        const auto expected =
            at::scaled_dot_product_attention(
                q.transpose(1, 2), keys, values, mask, 0, false, scale, /*enable_gqa=*/true)
                .transpose(1, 2)
                .flatten(2);
        const auto found =
            attend_one(q, keys, values, padded ? real : torch::Tensor(), {.scale = scale});
        EXPECT_LT((found - expected).abs().max().item<float>(), 2e-6) << dim << " " << kv_heads;
      }
    }
  }
}

TEST(DecodeStep, AWindowLeavesOutWhatIsBeforeIt) {
  torch::manual_seed(1);
  const auto q = torch::randn({1, 1, 2, 8});
  const auto keys = torch::randn({1, 2, 9, 8});
  const auto values = torch::randn({1, 2, 9, 8});
  const auto last = attend_one(q, keys.narrow(2, 6, 3), values.narrow(2, 6, 3), {}, {});
  EXPECT_TRUE(attend_one(q, keys, values, {}, {.window = 3}).equal(last));
  EXPECT_FALSE(attend_one(q, keys, values, {}, {.window = 4}).equal(last));
}

TEST(DecodeStep, GeluIsTorchs) {
  const auto x = torch::linspace(-12, 12, 10007);
  const auto off = nn::gelu(x) - at::gelu(x.to(torch::kDouble));
  EXPECT_LT((off / x.abs().clamp_min(1)).abs().max().item<double>(), 2e-7);
  const auto ends = nn::gelu(torch::tensor({0.0F, -100.0F, 100.0F, -50.0F, INFINITY, NAN}));
  EXPECT_TRUE(ends.narrow(0, 0, 4).allclose(torch::tensor({0.0F, 0.0F, 100.0F, 0.0F}), 0, 1e-30));
  EXPECT_EQ(ends[4].item<float>(), INFINITY);
  EXPECT_TRUE(std::isnan(ends[5].item<float>()));
}

}  // namespace
}  // namespace mmi::nn
