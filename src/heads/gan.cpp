#include "mmi/heads/gan.h"

#include <torch/torch.h>

#include <functional>

#include "mmi/base/errors.h"

namespace mmi::heads {
namespace {

using Pair = std::function<torch::Tensor(std::size_t i)>;

torch::Tensor mean_over(std::size_t count, const Pair& term) {
  MMI_CHECK(ShapeError, count > 0, "a discriminator must have outputs, but there are none");
  torch::Tensor sum = term(0);
  for (std::size_t i = 1; i < count; ++i) {
    sum = sum + term(i);
  }
  return sum / static_cast<double>(count);
}

}  // namespace

const config::Schema& GanConfig::schema() {
  static const config::Schema made =
      config::Table<GanConfig>("gan", "adversarial losses").field("loss", &GanConfig::loss, "pair");
  return made;
}

torch::Tensor discriminator_loss(
    const GanConfig& config,
    const std::vector<torch::Tensor>& real,
    const std::vector<torch::Tensor>& generated) {
  MMI_CHECK(
      ShapeError,
      real.size() == generated.size(),
      "there must be as many real as generated outputs, but there are {} and {}",
      real.size(),
      generated.size());
  return mean_over(real.size(), [&](std::size_t i) {
    const auto& r = real[i];
    const auto& g = generated[i];
    switch (config.loss) {
      case GanLoss::kLog:
        return at::softplus(-r).mean() + at::softplus(g).mean();
      case GanLoss::kMse:
        return (r - 1).square().mean() + g.square().mean();
      case GanLoss::kHinge:
        return (1 - r).relu().mean() + (1 + g).relu().mean();
    }
    MMI_ASSERT(false);
  });
}

torch::Tensor generator_loss(const GanConfig& config, const std::vector<torch::Tensor>& generated) {
  return mean_over(generated.size(), [&](std::size_t i) {
    const auto& g = generated[i];
    switch (config.loss) {
      case GanLoss::kLog:
        return at::softplus(-g).mean();
      case GanLoss::kMse:
        return (g - 1).square().mean();
      case GanLoss::kHinge:
        return -g.mean();
    }
    MMI_ASSERT(false);
  });
}

}  // namespace mmi::heads
