#include "mmi/train/trainer.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <filesystem>
#include <fstream>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/nn/state.h"
#include "mmi/train/metric_log.h"
#include "support/toy_task.h"

namespace mmi::train {
namespace {

namespace fs = std::filesystem;
using testing_support::ToyConfig;
using testing_support::ToyTask;

class Training : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::path(testing::TempDir()) /
            testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(root_);
  }

  void TearDown() override {
    fs::remove_all(root_);
  }

  fs::path run(const std::string& name) {
    fs::create_directories(root_ / name);
    return root_ / name;
  }

  static std::unique_ptr<ToyTask> task(const ToyConfig& config = {}) {
    torch::manual_seed(11);
    Task::BuildArgs args;
    args.seed = 3;
    return std::make_unique<ToyTask>(config, args);
  }

  static TrainConfig config(std::int64_t steps) {
    TrainConfig made;
    made.max_steps = steps;
    made.eval_every = 5;
    made.save_every = 4;
    made.log_every = 2;
    return made;
  }

  /// Bytes of the newest checkpoint's weights.
  static std::string weights(const fs::path& run) {
    const auto last = CheckpointStore(run / "checkpoints").pointer("last");
    return read_text(*last / "model.safetensors") + read_text(*last / "optim.safetensors");
  }

  fs::path root_;
};

TEST_F(Training, StoppedAndResumedEqualsUninterruptedBitForBit) {
  const auto whole = task();
  Trainer(*whole, config(23), 9, run("whole")).fit();
  // Stopped twice in the middle of an epoch of five batches.
  for (const int stop_at : {7, 16}) {
    const auto part = task();
    Trainer trainer(*part, config(23), 9, run("parts"));
    int asked = 0;
    const int already = stop_at == 7 ? 0 : 7;
    trainer.set_stop([&] { return asked++ == stop_at - already; });
    EXPECT_THROW(trainer.fit(), Interrupted);
  }
  const auto rest = task();
  Trainer(*rest, config(23), 9, run("parts")).fit();
  EXPECT_EQ(weights(root_ / "whole"), weights(root_ / "parts"));
  const auto a = nn::state_of(whole->module());
  const auto b = nn::state_of(rest->module());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_TRUE(torch::equal(a[i].tensor, b[i].tensor)) << a[i].name;
  }
}

TEST_F(Training, LogsHoldEachEvaluationOnceAlsoAfterAResume) {
  for (const bool stop : {true, false}) {
    const auto toy = task();
    Trainer trainer(*toy, config(20), 9, run("run"));
    int asked = 0;
    trainer.set_stop([&] { return stop && asked++ == 12; });
    if (stop) {
      EXPECT_THROW(trainer.fit(), Interrupted);
    } else {
      trainer.fit();
    }
  }
  std::vector<std::int64_t> evaluated;
  for (const auto& line : MetricLog::read(root_ / "run")) {
    if (line.split == "valid") {
      evaluated.push_back(line.step);
    }
  }
  EXPECT_EQ(evaluated, (std::vector<std::int64_t>{5, 10, 15, 20}));
  const std::string csv = read_text(root_ / "run" / "metrics.csv");
  EXPECT_EQ(csv.rfind("step,split,name,value\n", 0), 0U);
  EXPECT_NE(csv.find("\n5,valid,error,"), std::string::npos);
}

TEST_F(Training, LearnsAndKeepsTheBestWeights) {
  const auto toy = task();
  toy->module().eval();
  const double before = toy->evaluate("valid")[0].second;
  const FitResult result = Trainer(*toy, config(300), 9, run("run")).fit();
  EXPECT_LT(result.best_value, before / 3);
  EXPECT_DOUBLE_EQ(toy->evaluate("valid")[0].second, result.best_value);
  // At most the two newest and the best stay.
  int kept = 0;
  for (const auto& entry : fs::directory_iterator(root_ / "run" / "checkpoints")) {
    kept += entry.is_directory() ? 1 : 0;
  }
  EXPECT_LE(kept, 3);
}

TEST_F(Training, APhaseWithEveryTwoIsUpdatedInEverySecondStep) {
  const auto toy = task();
  Trainer(*toy, config(5), 9, run("run")).fit();
  const auto last = CheckpointStore(root_ / "run" / "checkpoints").pointer("last");
  for (const auto& [name, tensor] : CheckpointStore::load(*last).optimizers) {
    if (name == "critic/critic.weight.step") {
      EXPECT_EQ(tensor.item<float>(), 3);  // steps 0, 2, 4
    } else if (name == "net/net.0.weight.step") {
      EXPECT_EQ(tensor.item<float>(), 5);
    }
  }
}

TEST_F(Training, ANonFiniteLossStopsBeforeTheWeightsChange) {
  ToyConfig broken;
  broken.break_at = 6;
  const auto toy = task(broken);
  try {
    Trainer(*toy, config(20), 9, run("run")).fit();
    FAIL();
  } catch (const NumericError& error) {
    EXPECT_NE(std::string(error.what()).find("step 6"), std::string::npos) << error.what();
  }
  for (const nn::StateEntry& entry : nn::state_of(toy->module())) {
    EXPECT_TRUE(torch::isfinite(entry.tensor).all().item<bool>()) << entry.name;
  }
}

TEST_F(Training, DamagedCheckpointsAreRefusedWithTheirPath) {
  const auto toy = task();
  Trainer(*toy, config(5), 9, run("run")).fit();
  const auto last = CheckpointStore(root_ / "run" / "checkpoints").pointer("last");
  const fs::path model = *last / "model.safetensors";
  std::string bytes = read_text(model);
  bytes[bytes.size() - 3] = static_cast<char>(bytes[bytes.size() - 3] ^ 1);
  std::ofstream(model, std::ios::binary) << bytes;
  try {
    CheckpointStore::load(*last);
    FAIL();
  } catch (const CheckpointError& error) {
    EXPECT_NE(std::string(error.what()).find("model.safetensors"), std::string::npos);
  }
}

}  // namespace
}  // namespace mmi::train
