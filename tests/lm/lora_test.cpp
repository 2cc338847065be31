#include "mmi/nn/lora.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <string>
#include <utility>
#include <vector>

#include "mmi/lm/causal_lm.h"
#include "mmi/nn/init_context.h"

namespace mmi::lm {
namespace {

TEST(LmLora, PublishedSizesTrainSoManyParameters) {
  const nn::InitContext sizes({.device = torch::kMeta, .draw = false});
  for (const auto& [name, count] : std::vector<std::pair<std::string, std::int64_t>>{
           {"llama-7b", 8388608}, {"gemma-2b", 1843200}}) {
    CausalLm model(published(name));
    nn::add_lora(model, {.r = 16});
    std::int64_t trained = 0;
    for (const auto& parameter : model.parameters()) {
      trained += parameter.requires_grad() ? parameter.numel() : 0;
    }
    EXPECT_EQ(trained, count) << name;
  }
}

}  // namespace
}  // namespace mmi::lm
