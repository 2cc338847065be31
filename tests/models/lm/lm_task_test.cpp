#include "mmi/models/lm/lm_task.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/lm/config.h"
#include "mmi/models/lm/register.h"
#include "mmi/nn/optimizer.h"
#include "mmi/text/tokenizer.h"
#include "models/lm/byte_tokenizer.h"
#include "models/lm/caption_world.h"
#include "models/lm/folder_texts.h"
#include "models/lm/token_windows.h"

namespace mmi::models::lm {
namespace {

namespace fs = std::filesystem;

LmTaskConfig tiny() {
  static const bool once = [] {
    mmi::lm::register_lms();
    register_lm();
    return true;
  }();
  static_cast<void>(once);
  LmTaskConfig config;
  auto model = std::make_shared<mmi::lm::CausalLmConfig>();
  model->vocab = 256;
  model->hidden = 32;
  model->intermediate = 64;
  model->layers = 2;
  model->heads = 2;
  model->kv_heads = 1;
  model->head_dim = 16;
  model->context = 128;
  config.model.config = model;
  auto world = std::make_shared<CaptionWorldConfig>();
  world->train_captions = 200;
  world->valid_captions = 10;
  world->test_captions = 10;
  config.texts.config = world;
  config.window = 32;
  config.loader.batch_size = 8;
  config.optimizer.lr = 5e-3;
  return config;
}

double value_of(const Metrics& metrics, const std::string& name) {
  for (const auto& [found, value] : metrics) {
    if (found == name) {
      return value;
    }
  }
  ADD_FAILURE() << "no " << name;
  return 0;
}

TEST(LmTask, LearnsToPredictCaptions) {
  torch::manual_seed(1);
  LmTask task(tiny(), {});
  const auto phase = task.phases().front();
  nn::Optimizer optimizer(nn::match_parameters(task.module(), phase.parameters), phase.optimizer);
  const auto source = task.source();
  const auto before = task.evaluate("valid");
  EXPECT_NEAR(value_of(before, "perplexity"), 256, 60);  // nothing known of 256 tokens
  StepContext context;
  for (int i = 0; i < 150; ++i) {
    optimizer.zero_grad();
    task.loss("main", source->next(), context).total.backward();
    optimizer.step(1);
  }
  const auto after = task.evaluate("valid");
  EXPECT_LT(value_of(after, "perplexity"), 12);
  EXPECT_NEAR(value_of(after, "bits_per_byte"), std::log2(value_of(after, "perplexity")), 0.02);
}

TEST(LmTask, EvaluatesEveryTokenOnce) {
  torch::manual_seed(1);
  auto config = tiny();
  LmTask task(config, {});
  const auto small = task.evaluate("test");
  config.loader.batch_size = 3;  // other windows at once, the same windows
  torch::manual_seed(1);
  LmTask other(config, {});
  EXPECT_NEAR(value_of(small, "perplexity"), value_of(other.evaluate("test"), "perplexity"), 1e-3);
}

TEST(LmTask, SettingsThatDoNotFitAreErrors) {
  auto config = tiny();
  config.window = 200;
  EXPECT_THROW(LmTask(config, {}), ConfigError);
  config = tiny();
  auto model = std::make_shared<mmi::lm::CausalLmConfig>(
      *std::static_pointer_cast<const mmi::lm::CausalLmConfig>(config.model.config));
  model->vocab = 255;
  config.model.config = model;
  EXPECT_THROW(LmTask(config, {}), ConfigError);
}

TEST(ByteTokenizer, HoldsAnyText) {
  const auto tokenizer = text::parse_tokenizer_json(byte_tokenizer_json(), "bytes");
  EXPECT_EQ(tokenizer->vocab_size(), 256);
  const std::string text = "a dog, \n\t\x01 naïve 日本 🙂";
  const auto ids = tokenizer->encode(text);
  ASSERT_EQ(ids.size(), text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    EXPECT_EQ(ids[i], static_cast<unsigned char>(text[i]));
  }
  EXPECT_EQ(tokenizer->decode(ids), text);
}

TEST(CaptionWorld, SplitsDifferAndAreTheSameEveryTime) {
  const auto config = tiny();
  const auto make = [&] { return Registry<Texts>::get().create(config.texts, {}); };
  const std::string train = make()->split("train");
  EXPECT_EQ(train, make()->split("train"));
  EXPECT_EQ(std::ranges::count(train, '\n'), 200);
  EXPECT_NE(train.substr(0, 200), make()->split("test").substr(0, 200));
  EXPECT_EQ(train.find("  "), std::string::npos);
  EXPECT_THROW(make()->split("dev"), DataError);
}

TEST(FolderTexts, CutsEachFileAtLines) {
  const auto folder = fs::temp_directory_path() / "mmi_folder_texts";
  fs::remove_all(folder);
  fs::create_directories(folder / "b");
  std::string one;
  for (int i = 0; i < 100; ++i) {
    one += "line " + std::to_string(i) + "\n";
  }
  atomic_write(folder / "a.txt", one);
  atomic_write(folder / "b" / "c.md", one);
  atomic_write(folder / "d.bin", one);
  tiny();
  config::Component<Texts> component{"folder", {}};
  FolderTextsConfig settings;
  settings.path = folder.string();
  component.config = std::make_shared<FolderTextsConfig>(settings);
  const auto texts = Registry<Texts>::get().create(component, {});
  std::string all;
  for (const char* split : {"train", "valid", "test"}) {
    const std::string text = texts->split(split);
    EXPECT_TRUE(text.starts_with("line ") && text.ends_with("\n")) << split;
    all += text;
  }
  EXPECT_EQ(all.size(), 2 * one.size());
  settings.path = (folder / "none").string();
  component.config = std::make_shared<FolderTextsConfig>(settings);
  EXPECT_THROW(Registry<Texts>::get().create(component, {}), DataError);
  fs::remove_all(folder);
}

TEST(TokenWindows, AreDrawnFromTheirStreamAndReachTheEnd) {
  const TokenWindows windows(torch::arange(10), 4, "");
  EXPECT_EQ(windows.size(), 2);
  std::set<std::int64_t> begins;
  Rng rng(1);
  for (int i = 0; i < 300; ++i) {
    const auto ids = windows.get(0, rng).tensor("ids");
    ASSERT_EQ(ids.size(0), 5);
    begins.insert(ids[0].item<std::int64_t>());
  }
  EXPECT_EQ(begins, (std::set<std::int64_t>{0, 1, 2, 3, 4, 5}));
  EXPECT_THROW(TokenWindows(torch::arange(4), 4, ""), DataError);
}

}  // namespace
}  // namespace mmi::models::lm
