#include "mmi/models/audeo/losses.h"

#include "mmi/base/errors.h"

namespace mmi::models::audeo {
namespace {

void check_same_shape(const torch::Tensor& a, const torch::Tensor& b) {
  MMI_CHECK(
      ShapeError,
      a.sizes() == b.sizes(),
      "predictions and targets must have one shape, but are {} and {} instead",
      a.sizes().vec(),
      b.sizes().vec());
}

}  // namespace

torch::Tensor bce_loss(const torch::Tensor& logits, const torch::Tensor& targets) {
  check_same_shape(logits, targets);
  return torch::binary_cross_entropy_with_logits(logits, targets.to(logits.dtype()));
}

torch::Tensor soft_f1_loss(const torch::Tensor& logits, const torch::Tensor& targets) {
  check_same_shape(logits, targets);
  const torch::Tensor truth = targets.to(logits.dtype());
  const torch::Tensor probability = torch::sigmoid(logits);
  const torch::Tensor hits = 2 * (probability * truth).sum(0);
  // FP + FN + 2 TP is the sum of both sides.
  const torch::Tensor total = probability.sum(0) + truth.sum(0);
  return 1 - ((hits + 1) / (total + 1)).mean();
}

torch::Tensor generator_loss(
    const torch::Tensor& patch_of_fake,
    const torch::Tensor& fake,
    const torch::Tensor& truth,
    const GanWeights& weights) {
  check_same_shape(fake, truth);
  const torch::Tensor adversarial = torch::mse_loss(patch_of_fake, torch::ones_like(patch_of_fake));
  const torch::Tensor reconstruction = torch::mse_loss(fake, truth.to(fake.dtype()));
  return weights.adversarial * adversarial + weights.reconstruction * reconstruction;
}

torch::Tensor discriminator_loss(
    const torch::Tensor& patch_of_truth, const torch::Tensor& patch_of_fake) {
  return 0.5 * (torch::mse_loss(patch_of_truth, torch::ones_like(patch_of_truth)) +
                torch::mse_loss(patch_of_fake, torch::zeros_like(patch_of_fake)));
}

}  // namespace mmi::models::audeo
