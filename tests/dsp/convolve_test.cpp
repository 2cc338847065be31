#include "mmi/dsp/convolve.h"

#include <gtest/gtest.h>

#include "mmi/base/errors.h"
#include "vectors.h"

namespace mmi::dsp {
namespace {

using testing::max_error;

// Sums as they stand in the definition.
torch::Tensor by_definition(const torch::Tensor& x, const torch::Tensor& h) {
  auto y = torch::zeros({x.size(0) + h.size(0) - 1}, torch::kFloat64);
  for (std::int64_t k = 0; k < h.size(0); ++k) {
    y.narrow(0, k, x.size(0)).add_(x.to(torch::kFloat64) * h[k].item<double>());
  }
  return y;
}

torch::Tensor noise(std::int64_t samples, std::uint64_t seed) {
  torch::manual_seed(seed);
  return torch::rand({samples}) * 2 - 1;
}

TEST(Convolve, ADiracGivesTheResponse) {
  const auto h = noise(700, 1);
  auto dirac = torch::zeros({1000});
  dirac[0] = 1;
  const auto y = convolve(dirac, h);
  EXPECT_EQ(y.size(0), 1699);
  EXPECT_LT(max_error(y.narrow(0, 0, 700), h), 1e-6);
  EXPECT_LT(y.narrow(0, 700, 999).abs().max().item<double>(), 1e-6);
}

TEST(Convolve, BlocksEqualTheDefinition) {
  for (const auto& [samples, taps] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {1, 1}, {5, 900}, {900, 5}, {50'000, 333}, {16'384, 4096}, {70'001, 5000}}) {
    const auto x = noise(samples, 2);
    const auto h = noise(taps, 3);
    const auto expected = by_definition(x, h);
    const double scale = expected.abs().max().item<double>();
    EXPECT_LT(max_error(convolve(x, h).to(torch::kFloat64), expected), 1e-5 * scale)
        << samples << " " << taps;
  }
}

TEST(Convolve, LeadingDimensionsBroadcast) {
  const auto x = noise(40'000, 4);
  const auto h = torch::stack({noise(100, 5), noise(100, 6)});
  const auto y = convolve(x.unsqueeze(0), h);
  EXPECT_EQ(y.sizes().vec(), (std::vector<std::int64_t>{2, 40'099}));
  EXPECT_LT(max_error(y[1], convolve(x, h[1])), 1e-5);
}

TEST(Convolve, RejectsWhatIsEmpty) {
  EXPECT_THROW(convolve(torch::empty({0}), torch::ones({3})), ShapeError);
  EXPECT_THROW(convolve(torch::ones({3}), torch::ones({3}, torch::kInt16)), ShapeError);
}

TEST(ConvolveMoving, EqualResponsesGiveTheStaticConvolution) {
  const auto x = noise(10'000, 7);
  const auto h = torch::stack({noise(3000, 8), noise(3000, 9)});
  const auto expected = convolve(x.unsqueeze(0), h);
  for (const std::int64_t steps : {1, 2, 8, 40}) {  // 40 * 500 goes beyond the end
    const auto y = convolve_moving(x, steps, 500, [&](std::int64_t) { return h; });
    EXPECT_LT(max_error(y, expected), 1e-4) << steps;
  }
}

TEST(ConvolveMoving, EverySampleHearsWhereOneIsThen) {
  // Responses that only weigh: y(t) = g(t) x(t - 2).
  const auto x = noise(1000, 10);
  const std::vector<double> gains{1, 3, -2, 0.5};
  const auto y = convolve_moving(x, 4, 200, [&](std::int64_t step) {
    auto h = torch::zeros({1, 5});
    h[0][2] = gains[static_cast<std::size_t>(step)];
    return h;
  });
  ASSERT_EQ(y.size(1), 1004);
  for (const std::int64_t t : {2, 100, 200, 350, 599, 600, 800, 1001}) {
    const double at = std::min(3.0, static_cast<double>(t) / 200);
    const auto low = std::min<std::size_t>(2, static_cast<std::size_t>(at));
    const double part = at - static_cast<double>(low);
    const double gain = (1 - part) * gains[low] + part * gains[low + 1];
    EXPECT_NEAR(y[0][t].item<double>(), gain * x[t - 2].item<double>(), 1e-5) << t;
  }
}

TEST(ConvolveMoving, RejectsResponsesOfOtherShapes) {
  const auto x = noise(1000, 11);
  const auto grows = [](std::int64_t step) { return torch::ones({1, 5 + step}); };
  EXPECT_THROW(convolve_moving(x, 3, 100, grows), ShapeError);
  EXPECT_THROW(convolve_moving(x, 0, 100, grows), ConfigError);
  EXPECT_THROW(convolve_moving(x.unsqueeze(0), 1, 100, grows), ShapeError);
}

}  // namespace
}  // namespace mmi::dsp
