#include "models/lm/random_lm.h"

#include <torch/torch.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <algorithm>

#include "mmi/nn/init_context.h"
#include "mmi/tensor/parallel.h"

namespace mmi::models::lm {
namespace {

constexpr std::int64_t kBlock = std::int64_t{1} << 20;

void repeat(const torch::Tensor& weight, const torch::Tensor& block) {
  const auto flat = weight.view({-1});
  const std::int64_t size = flat.size(0);
  parallel_items((size + kBlock - 1) / kBlock, [&](std::int64_t i) {
    const torch::NoGradGuard no_grad;  // a setting of each thread
    const std::int64_t count = std::min(kBlock, size - i * kBlock);
    flat.narrow(0, i * kBlock, count).copy_(block.narrow(0, 0, count));
  });
}

}  // namespace

void shrink(nn::MatrixLayer& layer) {
  layer.quantize_int8();
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

std::shared_ptr<mmi::lm::CausalLm> random_lm(
    const std::string& name, torch::ScalarType dtype, bool int8) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(0);
  const auto block = (torch::randn({kBlock}) * 0.02).to(dtype);
  // Memory that nothing touches costs nothing, so that int8 layers never are there twice.
  const nn::InitContext context({.dtype = dtype, .draw = false});
  auto model = std::make_shared<mmi::lm::CausalLm>(mmi::lm::published(name));
  for (const auto& part : model->modules()) {
    if (auto* table = dynamic_cast<nn::Embedding*>(part.get())) {
      repeat(table->weight, block);
    }
  }
  for (const auto& [key, layer] : model->products()) {
    repeat(layer->weight, block);
    if (int8) {
      shrink(*layer);
    }
  }
  model->eval();
  return model;
}

}  // namespace mmi::models::lm
