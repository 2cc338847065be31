#include "mmi/nn/kernels/weight_only.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <limits>

#include "mmi/base/errors.h"

namespace mmi::nn {
namespace {

struct Threads {
  int before = at::get_num_threads();

  explicit Threads(int count) {
    at::set_num_threads(count);
  }

  ~Threads() {
    at::set_num_threads(before);
  }
};

// Largest difference as a share of what the products sum to in magnitude.
double relative(const torch::Tensor& y, const torch::Tensor& x, const torch::Tensor& weight) {
  const auto wide_x = x.to(torch::kDouble);
  const auto wide_w = weight.to(torch::kDouble);
  const auto expected = at::linear(wide_x, wide_w);
  const auto scale = at::linear(wide_x.abs(), wide_w.abs()) + 1e-30;
  return ((y.to(torch::kDouble) - expected).abs() / scale).max().item<double>();
}

TEST(WeightOnly, Bf16EqualsFloat32WithEveryInstructionSet) {
  torch::manual_seed(1);
  for (const auto set : instruction_sets()) {
    for (const auto& [in, out] : std::vector<std::pair<int, int>>{
             {1, 1}, {3, 5}, {31, 7}, {32, 4}, {33, 6}, {127, 19}, {1000, 13}, {4099, 35}}) {
      const auto weight = torch::randn({out, in}).to(torch::kBFloat16);
      for (int rows = 1; rows <= 17; ++rows) {
        const auto x = torch::randn({rows, in});
        const auto y = linear_bf16(x, weight, {}, set);
        EXPECT_EQ(y.sizes(), (std::vector<std::int64_t>{rows, out}));
        EXPECT_LT(relative(y, x, weight), 1e-6)
            << in << " -> " << out << ", rows " << rows << ", set " << static_cast<int>(set);
      }
    }
  }
}

TEST(WeightOnly, FloatEqualsTorchAndKeepsItsGradients) {
  torch::manual_seed(5);
  for (const auto set : instruction_sets()) {
    for (const auto& [in, out] :
         std::vector<std::pair<int, int>>{{1, 1}, {31, 7}, {33, 6}, {1000, 13}, {4099, 35}}) {
      const auto weight = torch::randn({out, in});
      const auto bias = torch::randn({out});
      for (int rows = 1; rows <= 9; ++rows) {
        const auto x = torch::randn({in, rows}).t();  // columns, which have gaps
        EXPECT_LT(relative(linear_float(x, weight, {}, set), x, weight), 1e-6);
        const auto with_bias = linear_float(x, weight, bias, set);
        EXPECT_TRUE(torch::allclose(with_bias, at::linear(x, weight, bias), 1e-4, 1e-4));
      }
    }
  }
  const auto weight = torch::randn({3, 5}).requires_grad_();
  linear_float(torch::ones({2, 5}), weight).sum().backward();
  EXPECT_TRUE(weight.grad().eq(2).all().item<bool>());
  EXPECT_THROW(linear_float(torch::ones({2, 4}), weight), std::exception);
}

TEST(WeightOnly, Int8EqualsFloat32WithEveryInstructionSet) {
  torch::manual_seed(2);
  for (const auto set : instruction_sets()) {
    for (const auto& [in, out] : std::vector<std::pair<int, int>>{
             {1, 1}, {3, 5}, {127, 7}, {128, 4}, {129, 6}, {300, 19}, {1000, 13}, {4099, 35}}) {
      const auto packed = quantize_int8(torch::randn({out, in}));
      const auto weight = dequantize_int8(packed.values, packed.scales);
      for (int rows = 1; rows <= 17; ++rows) {
        const auto x = torch::randn({rows, in});
        const auto y = linear_int8(x, packed.values, packed.scales, {}, set);
        EXPECT_LT(relative(y, x, weight), 1e-6)
            << in << " -> " << out << ", rows " << rows << ", set " << static_cast<int>(set);
      }
    }
  }
}

TEST(WeightOnly, RoundsWeightsToHalfAScale) {
  torch::manual_seed(3);
  const auto weight = torch::randn({50, 333}) * torch::logspace(-3, 2, 50).unsqueeze(1);
  const auto packed = quantize_int8(weight);
  EXPECT_EQ(packed.scales.sizes(), (std::vector<std::int64_t>{50, 3}));
  const auto scales = packed.scales.repeat_interleave(kInt8Group, 1).narrow(1, 0, 333);
  const auto error = (dequantize_int8(packed.values, packed.scales) - weight).abs();
  EXPECT_TRUE((error <= scales * 0.5001).all().item<bool>());
  EXPECT_EQ(packed.values.abs().max().item<int>(), 127);
  EXPECT_EQ(packed.values.min().item<int>(), -127);
  EXPECT_TRUE(torch::equal(
      quantize_int8(weight.to(torch::kBFloat16)).values,
      quantize_int8(weight.to(torch::kBFloat16).to(torch::kFloat)).values));
  const auto turned = torch::randn({256, 30}).t();  // groups without a gap, rows with
  const auto own = quantize_int8(turned);
  EXPECT_TRUE(torch::equal(own.values, quantize_int8(turned.contiguous()).values));
  EXPECT_TRUE(torch::allclose(dequantize_int8(own.values, own.scales), turned, 0, 0.02));
}

TEST(WeightOnly, ZerosStayZerosAndNumbersMustBeFinite) {
  auto weight = torch::zeros({4, 200});
  const auto packed = quantize_int8(weight);
  EXPECT_EQ(packed.values.abs().sum().item<int>(), 0);
  EXPECT_EQ(packed.scales.sum().item<float>(), 0);
  EXPECT_EQ(
      linear_int8(torch::ones({2, 200}), packed.values, packed.scales).abs().sum().item<float>(),
      0);
  weight[1][150] = std::numeric_limits<float>::infinity();
  EXPECT_THROW(quantize_int8(weight), NumericError);
}

TEST(WeightOnly, ReadsStridedInputsAndWeights) {
  torch::manual_seed(4);
  const auto weight = torch::randn({40, 130}).to(torch::kBFloat16);
  const auto columns = weight.narrow(1, 3, 70);        // a row's stride is more than its length
  const auto turned = weight.t().narrow(1, 0, 9).t();  // (9,130)
  const auto across = weight.t();                      // (130,40), columns in memory
  for (const int rows : {2, 12}) {
    const auto x = torch::randn({rows, 2, 260}).slice(2, 0, 260, 2);  // every other number
    EXPECT_LT(relative(linear_bf16(x, turned), x, turned), 1e-6);
    const auto part = torch::randn({rows, 300}).narrow(1, 100, 70);
    EXPECT_LT(relative(linear_bf16(part, columns), part, columns), 1e-6);
    const auto flipped = torch::randn({40, rows}).t();
    EXPECT_LT(relative(linear_bf16(flipped, across), flipped, across), 1e-6);
  }
  const auto vector = torch::randn({130});
  EXPECT_EQ(linear_bf16(vector, weight).sizes(), (std::vector<std::int64_t>{40}));
  EXPECT_EQ(
      linear_bf16(torch::empty({0, 3, 130}), weight).sizes(),
      (std::vector<std::int64_t>{0, 3, 40}));
}

TEST(WeightOnly, AddsABias) {
  torch::manual_seed(5);
  const auto weight = torch::randn({6, 20}).to(torch::kBFloat16);
  const auto bias = torch::randn({6}).to(torch::kBFloat16);
  const auto packed = quantize_int8(weight);
  for (const int rows : {1, 20}) {
    const auto x = torch::randn({rows, 20});
    EXPECT_TRUE(torch::equal(
        linear_bf16(x, weight, bias), linear_bf16(x, weight) + bias.to(torch::kFloat)));
    EXPECT_TRUE(torch::equal(
        linear_int8(x, packed.values, packed.scales, bias),
        linear_int8(x, packed.values, packed.scales) + bias.to(torch::kFloat)));
  }
}

TEST(WeightOnly, ThreadsDontChangeABit) {
  torch::manual_seed(6);
  const auto weight = torch::randn({9000, 1003}).to(torch::kBFloat16);
  const auto packed = quantize_int8(weight);
  for (const int rows : {1, 5, 33}) {
    const auto x = torch::randn({rows, 1003}).requires_grad_();
    const auto run = [&](int threads) {
      const Threads setting(threads);
      const auto half = linear_bf16(x, weight);
      const auto byte = linear_int8(x, packed.values, packed.scales);
      const auto dx = torch::autograd::grad({(half + byte).square().sum()}, {x})[0];
      return std::vector<torch::Tensor>{half, byte, dx};
    };
    const auto alone = run(1);
    for (const int threads : {2, 3}) {
      const auto together = run(threads);
      for (std::size_t i = 0; i < alone.size(); ++i) {
        EXPECT_TRUE(torch::equal(alone[i], together[i])) << i << ", threads " << threads;
      }
    }
  }
}

TEST(WeightOnly, ARowDoesNotDependOnTheOthers) {
  torch::manual_seed(7);
  for (const int in : {777, 4099}) {
    const auto single = torch::randn({37, in});
    const auto weight = single.to(torch::kBFloat16);
    const auto packed = quantize_int8(weight);
    const auto x = torch::randn({kFewRows, in});
    const auto whole = linear_float(x, single);
    const auto half = linear_bf16(x, weight);
    const auto byte = linear_int8(x, packed.values, packed.scales);
    for (int count = 1; count <= kFewRows; ++count) {
      const auto last = [&](const torch::Tensor& t) {
        return t.narrow(0, kFewRows - count, count);
      };
      EXPECT_TRUE(torch::equal(linear_float(last(x), single), last(whole)));
      EXPECT_TRUE(torch::equal(linear_bf16(last(x), weight), last(half)));
      EXPECT_TRUE(torch::equal(linear_int8(last(x), packed.values, packed.scales), last(byte)));
    }
  }
}

TEST(WeightOnly, GradientReachesTheActivations) {
  torch::manual_seed(8);
  const auto weight = torch::randn({50, 70}).to(torch::kBFloat16).requires_grad_();
  const auto packed = quantize_int8(weight);
  const auto unpacked = dequantize_int8(packed.values, packed.scales);
  for (const int rows : {1, 30}) {
    const auto x = torch::randn({2, rows, 70}).requires_grad_();
    const auto dy = torch::randn({2, rows, 50});
    const auto half = linear_bf16(x, weight);
    EXPECT_TRUE(half.requires_grad());
    const auto d_half = torch::autograd::grad({half}, {x}, {dy})[0];
    EXPECT_LT(relative(d_half, dy, weight.detach().t()), 1e-6);
    const auto byte = linear_int8(x, packed.values, packed.scales);
    const auto d_byte = torch::autograd::grad({byte}, {x}, {dy})[0];
    EXPECT_LT(relative(d_byte, dy, unpacked.t()), 1e-6);
    EXPECT_FALSE(linear_bf16(x.detach(), weight).requires_grad());
  }
}

TEST(WeightOnly, WrongSizesAndTypesAreNamed) {
  const auto weight = torch::zeros({5, 7}, torch::kBFloat16);
  EXPECT_THROW(linear_bf16(torch::zeros({2, 6}), weight), ShapeError);
  EXPECT_THROW(linear_bf16(torch::zeros({2, 7}, torch::kBFloat16), weight), ShapeError);
  EXPECT_THROW(linear_bf16(torch::zeros({2, 7}), weight.to(torch::kFloat)), ShapeError);
  EXPECT_THROW(linear_bf16(torch::zeros({2, 7}), weight, torch::zeros({4})), ShapeError);
  const auto packed = quantize_int8(weight);
  EXPECT_THROW(linear_int8(torch::zeros({2, 7}), packed.values, torch::zeros({5, 2})), ShapeError);
  EXPECT_THROW(quantize_int8(torch::zeros({5})), ShapeError);
}

}  // namespace
}  // namespace mmi::nn
