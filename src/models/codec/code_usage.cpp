#include "mmi/models/codec/code_usage.h"

#include <torch/torch.h>

#include "mmi/base/log.h"

namespace mmi::models::codec {
namespace {

constexpr double kDecay = 0.99;
constexpr double kDeadShare = 0.01;          // of the even share
constexpr double kCollapsed = 0.05;          // perplexity, of the codebook's size
constexpr std::int64_t kBeforeAlarms = 200;  // steps, in which codebooks may still settle

}  // namespace

torch::Tensor perplexity(const torch::Tensor& counts) {
  const auto total = counts.sum(1, true);
  const auto share = counts / total.clamp_min(1e-12);
  const auto entropy = -(share * share.clamp_min(1e-12).log()).sum(1);
  return torch::where(total.squeeze(1) > 0, entropy.exp(), torch::zeros_like(entropy));
}

CodeUsage::CodeUsage(std::int64_t codebooks, std::int64_t size)
    : shares_(register_buffer("shares", torch::zeros({codebooks, size}))),
      collapsed_(static_cast<std::size_t>(codebooks), false) {}

void CodeUsage::update(const torch::Tensor& codes, std::int64_t step) {
  const torch::NoGradGuard no_grad;
  const std::int64_t size = shares_.size(1);
  for (std::int64_t k = 0; k < codes.size(1); ++k) {
    const auto level = codes.select(1, k).flatten();
    const auto share =
        at::bincount(level, {}, size).to(torch::kFloat32) / static_cast<double>(level.numel());
    const auto mean = shares_[k];
    if (mean.sum().item<double>() == 0) {
      mean.copy_(share);
    } else {
      mean.lerp_(share, 1 - kDecay);
    }
  }
  if (step < kBeforeAlarms) {
    return;
  }
  const auto found = perplexity();
  for (std::int64_t k = 0; k < codes.size(1); ++k) {
    const double value = found[k].item<double>();
    if (value < kCollapsed * static_cast<double>(size) &&
        !collapsed_[static_cast<std::size_t>(k)]) {
      collapsed_[static_cast<std::size_t>(k)] = true;
      log::warning(
          "codebook {} collapses: at step {} its {} codes are used like {:.1f} (perplexity); a "
          "lower learning rate or more restarts of codes may help",
          k + 1,
          step,
          size,
          value);
    }
  }
}

torch::Tensor CodeUsage::dead() const {
  return (shares_ < kDeadShare / static_cast<double>(shares_.size(1))).sum(1);
}

}  // namespace mmi::models::codec
