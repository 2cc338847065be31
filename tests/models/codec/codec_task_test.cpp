#include "mmi/models/codec/codec_task.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <filesystem>
#include <set>

#include "mmi/base/errors.h"
#include "mmi/codecs/dac.h"
#include "mmi/codecs/encodec.h"
#include "mmi/io/audio.h"
#include "mmi/models/codec/reconstruction.h"
#include "mmi/nn/optimizer.h"
#include "mmi/nn/state.h"
#include "models/codec/folder_sounds.h"
#include "models/codec/sound_windows.h"
#include "models/codec/world_sounds.h"
#include "registered.h"

namespace mmi::models::codec {
namespace {

namespace fs = std::filesystem;

std::shared_ptr<codecs::EncodecConfig> tiny_encodec() {
  auto config = std::make_shared<codecs::EncodecConfig>();
  config->sample_rate_hz = 16000;
  config->filters = 4;
  config->dim = 16;
  config->ratios = {8, 4, 2};
  config->lstm_layers = 0;
  config->causal = false;
  config->norm = codecs::ConvNorm::kWeightNorm;
  config->codebooks = 3;
  config->codebook_size = 32;
  config->training.restart_below = 0.5;
  return config;
}

CodecTaskConfig tiny() {
  register_codec_once();
  CodecTaskConfig config;
  config.model.config = tiny_encodec();
  auto world = std::make_shared<WorldSoundsConfig>();
  world->train_sounds = 10;
  world->valid_sounds = 5;
  world->test_sounds = 5;
  world->duration_s = 0.5;
  config.sounds.config = world;
  config.discriminator = {.filters = 2, .windows = {256}};
  config.window_s = 0.25;
  config.loader = {.batch_size = 4};
  config.generator_optimizer.lr = 1e-3;
  return config;
}

/// One step as the Trainer takes it.
void step(Task& task, std::vector<nn::Optimizer>& optimizers, const TensorDict& batch, int number) {
  const auto phases = task.phases();
  for (std::size_t i = 0; i < phases.size(); ++i) {
    torch::manual_seed(number);
    StepContext context{number, Rng(static_cast<std::uint64_t>(number)), 0};
    optimizers[i].zero_grad();
    const Loss loss = task.loss(phases[i].name, batch, context);
    task.backward(loss.total);
    optimizers[i].step(1);
  }
}

std::vector<nn::Optimizer> optimizers_of(Task& task) {
  std::vector<nn::Optimizer> made;
  for (const Phase& phase : task.phases()) {
    made.emplace_back(nn::match_parameters(task.module(), phase.parameters), phase.optimizer);
  }
  return made;
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

TEST(CodecTask, TrainingBringsTheMelSpectraNearer) {
  CodecTaskConfig config = tiny();
  config.adversarial_from = 40;
  torch::manual_seed(1);
  CodecTask task(config, {});
  auto optimizers = optimizers_of(task);
  const auto source = task.source();
  task.module().train();
  torch::manual_seed(1);
  step(task, optimizers, source->next(), 0);
  task.module().eval();
  const double before = value_of(task.evaluate("valid"), "mel_distance");
  task.module().train();
  for (int i = 1; i < 60; ++i) {
    step(task, optimizers, source->next(), i);
  }
  task.module().eval();
  const Metrics after = task.evaluate("valid");
  EXPECT_LT(value_of(after, "mel_distance"), 0.6 * before);
  EXPECT_GT(value_of(after, "perplexity_1"), 2);
  EXPECT_NEAR(value_of(after, "kbps"), 16000.0 / 64 * 3 * 5 / 1000, 1e-6);
}

TEST(CodecTask, TheDiscriminatorWaitsForItsFirstStep) {
  CodecTaskConfig config = tiny();
  config.adversarial_from = 2;
  torch::manual_seed(1);
  CodecTask task(config, {});
  auto optimizers = optimizers_of(task);
  const auto source = task.source();
  task.module().train();
  const auto weight =
      task.module().named_parameters()["discriminator.discriminators.0.convs.0.conv.weight"];
  const auto before = weight.detach().clone();
  step(task, optimizers, source->next(), 1);
  EXPECT_TRUE(torch::equal(weight, before));
  step(task, optimizers, source->next(), 2);
  EXPECT_FALSE(torch::equal(weight, before));
}

TEST(CodecTask, CodebooksAndRunningMeansAreInTheState) {
  CodecTask task(tiny(), {});
  std::set<std::string> names;
  for (const auto& entry : nn::state_of(task.module())) {
    names.insert(entry.name);
  }
  for (const char* name :
       {"codec.quantizer.layers.2.codebook.embed_avg",
        "codec.quantizer.layers.0.codebook.cluster_size",
        "codec.quantizer.layers.0.codebook.inited",
        "balancer.sums",
        "balancer.counts",
        "usage.shares"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
}

TEST(CodecTask, ADacTrainsByItsNameAlone) {
  CodecTaskConfig config = tiny();
  auto dac = std::make_shared<codecs::DacConfig>();
  dac->filters = 4;
  dac->decoder_filters = 32;
  dac->ratios = {2, 4, 5};
  dac->codebooks = 3;
  dac->codebook_size = 16;
  dac->weight_norm = true;
  config.model = {"dac", dac};
  torch::manual_seed(1);
  CodecTask task(config, {});
  auto optimizers = optimizers_of(task);
  const auto source = task.source();
  task.module().train();
  const double before = value_of(task.evaluate("valid"), "mel_distance");
  for (int i = 0; i < 30; ++i) {
    step(task, optimizers, source->next(), i);
  }
  task.module().eval();
  EXPECT_LT(value_of(task.evaluate("valid"), "mel_distance"), 0.7 * before);
}

TEST(CodecTask, CodecsThatCannotBeTrainedAreErrors) {
  codecs::EncodecConfig config = codecs::EncodecConfig::published("encodec_48khz");
  config.filters = 2;
  config.dim = 4;
  config.codebooks = 1;
  codecs::Encodec codec(config);
  EXPECT_THROW(reconstruct(codec, torch::zeros({1, 2, 4800})), ConfigError);
  CodecTaskConfig task = tiny();
  task.window_s = 0.1;
  EXPECT_THROW(CodecTask(task, {}), ConfigError);
}

TEST(CodecTask, GeneratesTheReconstructionAndAPicture) {
  CodecTask task(tiny(), {});
  task.module().eval();
  const fs::path folder = fs::path(::testing::TempDir()) / "codec_generate";
  fs::create_directories(folder);
  io::Audio audio{.sample_rate_hz = 22050, .channels = 2, .samples = {}};
  for (int i = 0; i < 2 * 11025; ++i) {
    audio.samples.push_back(0.3F * std::sin(0.05F * static_cast<float>(i / 2)));
  }
  io::write_wav(folder / "in.wav", audio);
  const auto files = task.generate(
      {.input = folder / "in.wav", .out = folder / "out", .options = {{"codebooks", "2"}}});
  const io::Audio made = io::read_audio(folder / "out.wav");
  EXPECT_EQ(made.sample_rate_hz, 16000);
  EXPECT_EQ(made.length(), 8000);
  EXPECT_EQ(io::read_audio(folder / "out_original.wav").length(), 8000);
#ifdef MMI_WITH_MEDIA
  EXPECT_EQ(files.size(), 3U);
  EXPECT_GT(fs::file_size(folder / "out.png"), 1000U);
#else
  EXPECT_EQ(files.size(), 2U);
#endif
  EXPECT_THROW(
      task.generate(
          {.input = folder / "in.wav", .out = folder / "out", .options = {{"codebooks", "9"}}}),
      ConfigError);
}

TEST(SoundWindows, AreAFunctionOfTheStreamAndSkipSilence) {
  torch::Tensor sound = torch::zeros({16000});
  sound.slice(0, 8000).uniform_(-0.5, 0.5);
  const SoundWindows windows({std::make_shared<MemorySound>("half", sound)}, 2000, "test");
  EXPECT_EQ(windows.size(), 8);
  int silent = 0;
  for (std::uint64_t i = 0; i < 50; ++i) {
    Rng a(i);
    Rng b(i);
    const auto one = windows.get(0, a).tensor("audio");
    EXPECT_TRUE(torch::equal(one, windows.get(0, b).tensor("audio")));
    silent += one.abs().max().item<double>() == 0 ? 1 : 0;
  }
  EXPECT_EQ(silent, 0);
}

TEST(SoundWindows, HoldShortSoundsWhole) {
  const SoundWindows windows(
      {std::make_shared<MemorySound>("short", torch::full({100}, 0.5))}, 1000, "test");
  Rng rng(1);
  const auto window = windows.get(0, rng).tensor("audio");
  EXPECT_NEAR(window.sum().item<double>(), 50, 1e-3);
}

TEST(WorldSounds, AreDeterministicAndDiffer) {
  register_codec_once();
  auto world = std::make_shared<WorldSoundsConfig>();
  world->train_sounds = 5;
  world->duration_s = 0.5;
  const config::Component<Sounds> part{"sound_world", world};
  const auto one = Registry<Sounds>::get().create(part, {16000})->split("train");
  const auto two = Registry<Sounds>::get().create(part, {16000})->split("train");
  for (std::size_t i = 0; i < one.size(); ++i) {
    const auto sound = one[i]->read(0, 8000);
    EXPECT_EQ(one[i]->samples(), 8000);
    EXPECT_TRUE(torch::equal(sound, two[i]->read(0, 8000))) << one[i]->name();
    EXPECT_GT(sound.abs().max().item<double>(), 0.1) << one[i]->name();
    EXPECT_FALSE(torch::equal(sound, one[(i + 1) % one.size()]->read(0, 8000)));
  }
  EXPECT_THROW(Registry<Sounds>::get().create(part, {16000})->split("dev"), DataError);
}

TEST(FolderSounds, ReadsAllRatesIntoDisjointSplits) {
  register_codec_once();
  const fs::path folder = fs::path(::testing::TempDir()) / "codec_sounds";
  fs::remove_all(folder);
  fs::create_directories(folder / "inner");
  for (int i = 0; i < 12; ++i) {
    io::Audio audio{.sample_rate_hz = i % 2 == 0 ? 8000 : 44100, .channels = 1, .samples = {}};
    audio.samples.assign(static_cast<std::size_t>(audio.sample_rate_hz), 0.25F);
    io::write_wav(folder / (i % 3 == 0 ? "inner" : ".") / mmi::format("{}.wav", i), audio);
  }
  auto config = std::make_shared<FolderSoundsConfig>();
  config->path = folder.string();
  config->test_share = 0.25;
  const auto sounds = Registry<Sounds>::get().create({"folder", config}, {16000});
  std::set<std::string> names;
  for (const auto& [split, count] : {std::pair{"train", 8}, {"valid", 1}, {"test", 3}}) {
    const SoundList list = sounds->split(split);
    EXPECT_EQ(list.size(), static_cast<std::size_t>(count)) << split;
    for (const auto& sound : list) {
      EXPECT_EQ(sound->samples(), 16000);
      EXPECT_NEAR(sound->read(8000, 1).item<double>(), 0.25, 1e-3);
      names.insert(sound->name());
    }
  }
  EXPECT_EQ(names.size(), 12U);
  config->path = (folder / "nowhere").string();
  EXPECT_THROW(
      Registry<Sounds>::get().create({"folder", config}, {16000})->split("train"), DataError);
}

}  // namespace
}  // namespace mmi::models::codec
