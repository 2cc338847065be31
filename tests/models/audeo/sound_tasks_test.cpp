// PerfNet, refinement, references and identification on a few seconds of the piano world.
#include <gtest/gtest.h>

#include <filesystem>

#include "mmi/base/errors.h"
#include "mmi/models/audeo/identification_task.h"
#include "mmi/models/audeo/perfnet_task.h"
#include "mmi/models/audeo/reference_task.h"
#include "mmi/models/audeo/refinement_task.h"
#include "mmi/music/midi.h"
#include "mmi/nn/state.h"
#include "models/audeo/parts.h"

namespace mmi::models::audeo {
namespace {

namespace fs = std::filesystem;

constexpr const char* kWorld =
    "{name: piano_world, train_pieces: 2, valid_pieces: 1, test_pieces: 2, variant_pieces: 1, "
    "unseen_pieces: 1, duration_s: 6, memory_mb: 0}";

template <class Config>
Config read(const std::string& yaml) {
  return config::read<Config>(config::parse_yaml(yaml, "test"));
}

class SoundTasks : public testing::Test {
 protected:
  void SetUp() override {
    register_parts();
    torch::manual_seed(1);
    video2roll_ = std::make_shared<Video2RollTask>(
        read<Video2RollTaskConfig>(
            std::string(
                "{height: 36, width: 132, model: {name: resnet, width: 0.0625}, recordings: ") +
            kWorld + "}"),
        Task::BuildArgs{});
    video2roll_->module().eval();
    Task::BuildArgs second;
    second.parents["video2roll"] = video2roll_;
    roll2midi_ = std::make_shared<Roll2MidiTask>(
        read<Roll2MidiTaskConfig>("{generator: {width: 0.015625}, discriminator: {width: 0.0625}}"),
        second);
    roll2midi_->module().eval();
    perfnet_ = std::make_shared<PerfNetTask>(
        read<PerfNetTaskConfig>(
            std::string("{perfnet: {width: 0.015625}, window_frames: 125, stride_frames: 125, "
                        "loader: {batch_size: 2}, recordings: ") +
            kWorld + "}"),
        Task::BuildArgs{});
  }

  std::shared_ptr<RefinementTask> refinement(const std::string& yaml) {
    Task::BuildArgs args;
    args.parents["roll2midi"] = roll2midi_;
    args.parents["perfnet"] = perfnet_;
    auto task = std::make_shared<RefinementTask>(read<RefinementTaskConfig>(yaml), args);
    task->module().eval();
    return task;
  }

  Metrics reference(const std::string& rule) {
    Task::BuildArgs args;
    args.parents["video2roll"] = video2roll_;
    return ReferenceTask(read<ReferenceTaskConfig>("{rule: " + rule + "}"), args).evaluate("test");
  }

  static double score(const Metrics& metrics, const std::string& name) {
    for (const auto& [metric, value] : metrics) {
      if (metric == name) {
        return value;
      }
    }
    ADD_FAILURE() << "no score " << name;
    return 0;
  }

  std::shared_ptr<Video2RollTask> video2roll_;
  std::shared_ptr<Roll2MidiTask> roll2midi_;
  std::shared_ptr<PerfNetTask> perfnet_;
};

TEST_F(SoundTasks, PerfNetLearnsFromTheRecordingsOwnSound) {
  const auto source = perfnet_->source();
  const TensorDict batch = source->next();
  EXPECT_EQ(batch.tensor("spectrogram").sizes().vec(), (std::vector<std::int64_t>{2, kBins, 125}));
  EXPECT_GT(batch.tensor("spectrogram").max().item<float>(), 1);
  torch::optim::Adam optimizer(perfnet_->module().parameters(), 3e-3);
  StepContext context;
  double first = 0;
  double last = 0;
  for (int step = 0; step < 15; ++step) {
    optimizer.zero_grad();
    const torch::Tensor loss = perfnet_->loss("main", batch, context).total;
    loss.backward();
    optimizer.step();
    last = loss.item<double>();
    first = step == 0 ? last : first;
  }
  EXPECT_LT(last, first / 2);
}

#ifdef MMI_WITH_MEDIA
TEST_F(SoundTasks, PerfNetPlaysAMidiFile) {
  const torch::NoGradGuard no_grad;
  perfnet_->module().eval();
  const fs::path folder = fs::path(testing::TempDir()) / "perfnet_plays";
  fs::create_directories(folder);
  music::write_notes(folder / "a.mid", {{0, 1, 60, 100}, {1, 2, 64, 100}});
  GenerateRequest request;
  request.input = folder / "a.mid";
  request.out = folder / "b";
  const auto files = perfnet_->generate(request);
  ASSERT_EQ(files.size(), 2u);
  for (const Artifact& file : files) {
    EXPECT_GT(fs::file_size(file.path), 1000u) << file.path;
  }
}
#endif

TEST_F(SoundTasks, AnUntrainedRefinementIsPerfNetEitherWay) {
  const torch::NoGradGuard no_grad;
  perfnet_->module().eval();
  const auto recording = video2roll_->recordings().split("test")[0];
  const PerformanceOutput played = roll2midi_->perform(*recording);
  const Score score = score_of(played.roll, roll2midi_->input_format().keys.low_pitch());
  const torch::Tensor coarse = perfnet_->spectrogram(score);
  const auto unet = refinement("{refiner: unet, unet: {base: 2, depth: 2}}");
  EXPECT_TRUE(torch::equal(unet->spectrogram(played.roll), coarse));
  const auto tuned = refinement("{refiner: perfnet}");
  const auto from = nn::state_of(perfnet_->module());
  const auto to = nn::state_of(tuned->module());
  ASSERT_EQ(from.size(), to.size());
  for (std::size_t i = 0; i < from.size(); ++i) {
    EXPECT_TRUE(torch::equal(from[i].tensor, to[i].tensor));
  }
}

TEST_F(SoundTasks, ARefinementMakesItsOwnSound) {
  const torch::NoGradGuard no_grad;
  const auto task = refinement("{unet: {base: 2, depth: 2}, griffin_lim_iterations: 2}");
  const auto recording = video2roll_->recordings().split("test")[0];
  const PerformanceOutput output = task->perform(*recording);
  EXPECT_EQ(output.sound.size(0), spectrogram_frames(recording->frames()) * kHopSamples);
  EXPECT_TRUE(torch::equal(sound_of(output, {}), output.sound));
}

TEST_F(SoundTasks, RefinementNamesTheParentThatIsMissing) {
  Task::BuildArgs args;
  args.parents["roll2midi"] = roll2midi_;
  try {
    RefinementTask(RefinementTaskConfig{}, args);
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("audeo/perfnet"), std::string::npos);
  }
}

TEST_F(SoundTasks, PerfectVisionIsAboveChanceAndTheRuleAboveIt) {
  const double chance = score(reference("chance"), "f1");
  const double held = score(reference("held"), "f1");
  const double repaired = score(reference("held_repaired"), "f1");
  EXPECT_GT(held, chance + 20);
  EXPECT_GT(repaired, held);
  EXPECT_GT(score(reference("held"), "empty_frames"), 0);
}

TEST_F(SoundTasks, TheRecordingsOwnSoundIsRecognised) {
  const torch::NoGradGuard no_grad;
  const std::string world = std::string("recordings: ") + kWorld + ", segment_s: 6, distractors: 2";
  IdentificationTask truth(read<IdentificationTaskConfig>("{" + world + "}"), {});
  EXPECT_TRUE(truth.phases().empty());
  const auto items = truth.evaluate_items("test");
  ASSERT_EQ(items.size(), 4u);  // one variant, two test pieces, one unseen
  EXPECT_EQ(items[0].second[1].first, "variants");
  EXPECT_EQ(items[1].second[1].first, "other");
  EXPECT_GE(score(mean_over_items(items), "total"), 75);
  // Untrained networks play nothing that anybody knows.
  Task::BuildArgs args;
  args.parents["player"] = video2roll_;
  IdentificationTask player(read<IdentificationTaskConfig>("{" + world + "}"), args);
  EXPECT_EQ(score(player.evaluate("test"), "total"), 0);
}

TEST(MeanOverItems, CountsOnlyItemsThatHaveTheScore) {
  const Metrics means = mean_over_items(
      {{"a", {{"x", 1}, {"y", 10}}}, {"b", {{"x", 3}}}, {"c", {{"x", 5}, {"z", 7}}}});
  EXPECT_EQ(means, (Metrics{{"x", 3}, {"y", 10}, {"z", 7}}));
}

}  // namespace
}  // namespace mmi::models::audeo
