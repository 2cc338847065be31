#include "mmi/nn/lora.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "lm/tiny.h"
#include "mmi/base/errors.h"
#include "mmi/lm/causal_lm.h"
#include "mmi/lm/files.h"
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

TEST(LmLora, AFolderHoldsNoAdapters) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "lm_adapted";
  std::filesystem::remove_all(folder);
  const auto model = tiny("llama");
  nn::add_lora(*model, {.r = 2});
  try {
    save_causal_lm(*model, folder);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("merge the adapter first"), std::string::npos);
  }
  EXPECT_FALSE(std::filesystem::exists(folder));
  nn::merge_lora(*model);
  nn::remove_lora(*model);
  save_causal_lm(*model, folder);
  const auto ids = some_ids(1, 5);
  const torch::NoGradGuard no_grad;
  EXPECT_TRUE(torch::equal(load_causal_lm(folder)->forward(ids), model->forward(ids)));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace mmi::lm
