#include "mmi/runs/store.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <filesystem>
#include <fstream>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/nn/state.h"
#include "mmi/tensor/safetensors.h"
#include "support/toy_task.h"

namespace mmi::runs {
namespace {

namespace fs = std::filesystem;
using testing_support::ToyConfig;
using testing_support::ToyTask;

class StoreTest : public testing::Test {
 protected:
  void SetUp() override {
    static const bool once = [] {
      Registry<Task>::get().add<ToyConfig>(
          "test/toy", "", [](const ToyConfig& config, const Task::BuildArgs& args) {
            return std::make_shared<ToyTask>(config, args);
          });
      return true;
    }();
    static_cast<void>(once);
    root_ = fs::path(testing::TempDir()) /
            testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(root_);
    fs::create_directories(root_);
    std::ofstream(root_ / "first.yaml")
        << "task: {name: test/toy}\ntrain: {max_steps: 6, eval_every: 3}\n"
           "presets: {smoke: {train: {max_steps: 2}}}\n";
    std::ofstream(root_ / "second.yaml")
        << "needs: {first: {config: first.yaml}}\ntask: {name: test/toy, lr: 0.02}\n"
           "train: {max_steps: 4}\npresets: {smoke: {train: {max_steps: 2}}}\n";
  }

  void TearDown() override {
    fs::remove_all(root_);
  }

  std::shared_ptr<const Stage> stage(
      const std::string& name, const std::vector<std::string>& overrides = {}) {
    return resolve((root_ / name).string(), overrides);
  }

  fs::path root_;
};

TEST_F(StoreTest, AChainTrainsItsParentsOnceAndReusesWhatIsFinished) {
  Store store(root_ / "runs");
  const auto first = store.train(*stage("first.yaml"));
  const std::string parent_log = read_text(first->info.path / "metrics.jsonl");
  const auto second = store.train(*stage("second.yaml"));
  EXPECT_EQ(second->parents.at("first")->info.id, first->info.id);
  EXPECT_EQ(read_text(first->info.path / "metrics.jsonl"), parent_log);
  const auto again = store.train(*stage("second.yaml"));
  EXPECT_EQ(again->info.id, second->info.id);
  EXPECT_EQ(store.list().size(), 2U);
  EXPECT_TRUE(fs::exists(second->info.path / "report.html"));
}

TEST_F(StoreTest, TheIdFollowsWhatChangesResultsAndNothingElse) {
  Store store(root_ / "runs");
  const auto plain = store.train(*stage("first.yaml"));
  EXPECT_EQ(
      store.train(*stage("first.yaml", {"threads=1", "train.log_every=1"}))->info.id,
      plain->info.id);
  EXPECT_NE(store.train(*stage("first.yaml", {"seed=2"}))->info.id, plain->info.id);
  EXPECT_NE(store.train(*stage("first.yaml", {"task.lr=0.5"}))->info.id, plain->info.id);
}

TEST_F(StoreTest, InitBeginsWithTheWeightsOfAFile) {
  Store store(root_ / "runs");
  const auto trained = store.train(*stage("first.yaml"));
  nn::NamedTensors wrapped;
  for (const auto& entry : nn::state_of(trained->task->module())) {
    wrapped.emplace_back("module." + entry.name, entry.tensor);
  }
  const std::string file = (root_ / "published.safetensors").string();
  save_tensors(file, wrapped);
  const std::vector<std::string> as_published = {
      "init.file=" + file, "init.key_map=[{match: '^module[.]', to: ['']}]", "train.max_steps=0"};
  const auto run = store.train(*stage("first.yaml", as_published));
  EXPECT_EQ(run->info.best_value, trained->info.best_value);
  const auto ours = nn::state_of(run->task->module());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    EXPECT_TRUE(ours[i].tensor.equal(wrapped[i].second)) << ours[i].name;
  }
  // Other weights in the file are another run; the file's name is not.
  fs::rename(file, root_ / "renamed.safetensors");
  auto renamed = as_published;
  renamed[0] = "init.file=" + (root_ / "renamed.safetensors").string();
  EXPECT_EQ(store.train(*stage("first.yaml", renamed))->info.id, run->info.id);
  wrapped[0].second = wrapped[0].second + 1;
  save_tensors(file, wrapped);
  EXPECT_NE(store.train(*stage("first.yaml", as_published))->info.id, run->info.id);
}

TEST_F(StoreTest, AParentGetsPresetAndSeed) {
  const auto child = stage("second.yaml", {"preset=smoke", "seed=4"});
  EXPECT_EQ(child->parents.at("first")->config.train.max_steps, 2);
  EXPECT_EQ(child->parents.at("first")->config.seed, 4U);
}

TEST_F(StoreTest, ABundleHoldsTheWholeChainAndScoresEqual) {
  Store store(root_ / "runs");
  const auto run = store.train(*stage("second.yaml"));
  export_bundle(run->info.path, root_ / "bundle");
  const auto opened = open(root_ / "bundle", "cpu");
  EXPECT_EQ(evaluate(*opened, "test"), evaluate(*run, "test"));
  EXPECT_EQ(opened->parents.at("first")->info.task, "test/toy");
  EXPECT_EQ(std::dynamic_pointer_cast<ToyTask>(opened->task)->offset, 1.5);
  EXPECT_THROW(export_bundle(run->info.path, root_ / "bundle"), ConfigError);
}

TEST_F(StoreTest, ARunThatOthersNeedIsNotRemoved) {
  Store store(root_ / "runs");
  const auto run = store.train(*stage("second.yaml"));
  const std::string parent = run->parents.at("first")->info.id;
  EXPECT_THROW(store.remove(parent), CheckpointError);
  store.remove(run->info.id);
  store.remove(parent.substr(0, 6));
  EXPECT_TRUE(store.list().empty());
}

TEST_F(StoreTest, UnknownAndUnfinishedRunsAreNamed) {
  Store store(root_ / "runs");
  EXPECT_THROW(store.find("nothing"), CheckpointError);
  TrainOptions options;
  options.stop = [] { return true; };
  EXPECT_THROW(store.train(*stage("first.yaml"), options), Interrupted);
  EXPECT_THROW(open(store.list().front().path), CheckpointError);
  EXPECT_TRUE(store.train(*stage("first.yaml"))->info.finished);
}

TEST_F(StoreTest, WrongSettingsAreFoundBeforeAnythingRuns) {
  try {
    stage("first.yaml", {"train.max_stepz=1"});
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean \"max_steps\""), std::string::npos);
  }
}

TEST_F(StoreTest, ACircleOfNeedsIsNamed) {
  std::ofstream(root_ / "hen.yaml") << "needs: {egg: {config: egg.yaml}}\ntask: {name: test/toy}\n";
  std::ofstream(root_ / "egg.yaml")
      << "needs: {hen: {config: hen.yaml, overrides: [seed=3]}}\ntask: {name: test/toy}\n";
  try {
    stage("hen.yaml");
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("`needs:` lead back to itself"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace mmi::runs
