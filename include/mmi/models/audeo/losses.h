#pragma once

#include <torch/types.h>

#include "mmi/base/api.h"

namespace mmi::models::audeo {

/// Binary cross entropy with logits, mean over all elements (Video2Roll's published loss).
/// logits and targets of equal shape; targets 0/1 of any dtype.
MMI_API torch::Tensor bce_loss(const torch::Tensor& logits, const torch::Tensor& targets);

/// 1 - mean over keys of (2 TP + 1) / (2 TP + FP + FN + 1), where TP, FP, FN are sums of
/// probabilities over the batch. Weighs rare keys as much as frequent ones. logits, targets (B, K).
MMI_API torch::Tensor soft_f1_loss(const torch::Tensor& logits, const torch::Tensor& targets);

/// Weights of the generator's loss; the published values.
struct GanWeights {
  double adversarial = 0.001;
  double reconstruction = 0.999;
};

/// adversarial * MSE(patch_of_fake, 1) + reconstruction * MSE(fake, truth). patch_of_fake must be
/// D(fake) with the graph kept, so that the gradient reaches the generator through D.
MMI_API torch::Tensor generator_loss(
    const torch::Tensor& patch_of_fake,
    const torch::Tensor& fake,
    const torch::Tensor& truth,
    const GanWeights& weights = {});

/// (MSE(patch_of_truth, 1) + MSE(patch_of_fake, 0)) / 2, patch_of_fake being D(fake.detach()).
MMI_API torch::Tensor discriminator_loss(
    const torch::Tensor& patch_of_truth, const torch::Tensor& patch_of_fake);

}  // namespace mmi::models::audeo
