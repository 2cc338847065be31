#include "mmi/train/trainer.h"

#include <gtest/gtest.h>
#include <torch/torch.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/nn/state.h"
#include "mmi/tensor/safetensors.h"
#include "mmi/train/metric_log.h"
#include "support/grid_task.h"
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
  // Stopped twice in the middle of an epoch of six batches.
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
  int hits = 0;
  for (const auto& [name, tensor] : CheckpointStore::load(*last).optimizers) {
    if (name == "critic/critic.weight.step") {
      EXPECT_EQ(tensor.item<float>(), 3);  // steps 0, 2, 4
      ++hits;
    } else if (name == "net/net.0.weight.step") {
      EXPECT_EQ(tensor.item<float>(), 5);
      ++hits;
    }
  }
  EXPECT_EQ(hits, 2);
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

TEST_F(Training, ANonFiniteGradientStopsBeforeTheWeightsChangeAndLeavesAReport) {
  ToyConfig broken;
  broken.break_gradient_at = 6;
  const auto toy = task(broken);
  try {
    Trainer(*toy, config(20), 9, run("run")).fit();
    FAIL();
  } catch (const NumericError& error) {
    EXPECT_NE(std::string(error.what()).find("net.0.weight"), std::string::npos) << error.what();
  }
  for (const nn::StateEntry& entry : nn::state_of(toy->module())) {
    EXPECT_TRUE(torch::isfinite(entry.tensor).all().item<bool>()) << entry.name;
  }
  const fs::path report = root_ / "run" / "nan_step_6";
  EXPECT_NE(read_text(report / "report.json").find("\"worst\""), std::string::npos);
  EXPECT_EQ(load_tensors(report / "batch.safetensors").size(), 2U);
}

TEST_F(Training, ASkippedStepLeavesWeightsAndBuffersAsTheyWere) {
  TrainConfig skipping = config(20);
  skipping.on_nan = OnNan::kSkip;
  for (const bool gradient : {false, true}) {
    ToyConfig broken;
    (gradient ? broken.break_gradient_at : broken.break_at) = 6;
    const auto toy = task(broken);
    const std::string name = gradient ? "gradient" : "loss";
    EXPECT_EQ(Trainer(*toy, skipping, 9, run(name)).fit().steps, 20);
    for (const nn::StateEntry& entry : nn::state_of(toy->module())) {
      EXPECT_TRUE(torch::isfinite(entry.tensor).all().item<bool>()) << entry.name;
    }
    const auto last = CheckpointStore(root_ / name / "checkpoints").pointer("last");
    for (const auto& [key, tensor] : CheckpointStore::load(*last).optimizers) {
      if (key == "net/net.0.weight.step") {
        EXPECT_EQ(tensor.item<float>(), 19);
      }
    }
  }
}

TEST_F(Training, ASkippedStepUndoesThePhasesBeforeIt) {
  TrainConfig skipping = config(6);
  skipping.on_nan = OnNan::kSkip;
  skipping.ema = nn::EmaConfig{};
  ToyConfig broken;
  broken.break_critic_at = 4;
  const auto toy = task(broken);
  Trainer(*toy, skipping, 9, run("skipped")).fit();
  // Without its fifth step the training is one of four steps and the sixth.
  int hits = 0;
  const auto last = CheckpointStore(root_ / "skipped" / "checkpoints").pointer("last");
  for (const auto& [key, tensor] : CheckpointStore::load(*last).optimizers) {
    if (key == "net/net.0.weight.step") {
      EXPECT_EQ(tensor.item<float>(), 5);
      ++hits;
    } else if (key == "critic/critic.weight.step") {
      EXPECT_EQ(tensor.item<float>(), 2);  // steps 0 and 2
      ++hits;
    }
  }
  EXPECT_EQ(hits, 2);
}

TEST_F(Training, AScoreThatIsNoNumberIsReplacedByTheFirstThatIs) {
  ToyConfig odd;
  odd.nan_evaluations = 2;
  const auto toy = task(odd);
  const FitResult result = Trainer(*toy, config(20), 9, run("run")).fit();
  EXPECT_TRUE(std::isfinite(result.best_value));
  EXPECT_GE(result.best_step, 15);
  // Also one that never has a score ends with readable checkpoints.
  odd.nan_evaluations = 100;
  const auto none = task(odd);
  EXPECT_TRUE(std::isnan(Trainer(*none, config(20), 9, run("none")).fit().best_value));
}

TEST_F(Training, AccumulationEqualsTheBigBatch) {
  ToyConfig plain;
  plain.plain = true;
  const auto parts = task(plain);
  TrainConfig twice = config(12);
  twice.accumulate = 2;
  Trainer(*parts, twice, 9, run("parts")).fit();
  plain.batch_size = 16;
  const auto whole = task(plain);
  Trainer(*whole, config(12), 9, run("whole")).fit();
  const auto a = nn::state_of(parts->module());
  const auto b = nn::state_of(whole->module());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_TRUE(torch::allclose(a[i].tensor, b[i].tensor, 1e-6, 1e-9)) << a[i].name;
  }
}

TEST_F(Training, AveragedWeightsAreEvaluatedKeptAndResumed) {
  TrainConfig averaged = config(23);
  averaged.ema = nn::EmaConfig{0.9, false};
  const auto whole = task();
  const FitResult result = Trainer(*whole, averaged, 9, run("whole")).fit();
  EXPECT_DOUBLE_EQ(whole->evaluate("valid")[0].second, result.best_value);
  {
    const auto part = task();
    Trainer trainer(*part, averaged, 9, run("parts"));
    int asked = 0;
    trainer.set_stop([&] { return asked++ == 7; });
    EXPECT_THROW(trainer.fit(), Interrupted);
  }
  const auto rest = task();
  Trainer(*rest, averaged, 9, run("parts")).fit();
  EXPECT_EQ(weights(root_ / "whole"), weights(root_ / "parts"));
  const auto last = CheckpointStore(root_ / "parts" / "checkpoints").pointer("last");
  const auto other = CheckpointStore(root_ / "whole" / "checkpoints").pointer("last");
  EXPECT_EQ(read_text(*last / "ema.safetensors"), read_text(*other / "ema.safetensors"));
  EXPECT_NE(read_text(*last / "ema.safetensors"), read_text(*last / "model.safetensors"));
}

TEST_F(Training, EndsEarlyWithoutImprovementAlsoAfterAResume) {
  ToyConfig stale;
  stale.spoil_eval_from = 2;  // evaluations at 5 and 10 count
  TrainConfig patient = config(100);
  patient.early_stop = EarlyStopConfig{3, 0};
  const auto toy = task(stale);
  const FitResult result = Trainer(*toy, patient, 9, run("run")).fit();
  EXPECT_EQ(result.steps, 25);
  EXPECT_LE(result.best_step, 10);
  EXPECT_EQ(Trainer(*toy, patient, 9, run("run")).fit().steps, 25);
}

TEST_F(Training, FrozenParametersStayAndGroupsHaveTheirOwnRate) {
  TrainConfig chosen = config(6);
  chosen.freeze = {"net.0.*"};
  nn::ParameterGroup still;
  still.parameters = {"net.1.*"};
  still.lr_factor = 0;
  chosen.groups = {still};
  const auto toy = task();
  const auto before = task();
  Trainer(*toy, chosen, 9, run("run")).fit();
  const auto a = toy->module().named_parameters();
  const auto b = before->module().named_parameters();
  for (const auto& item : a) {
    const bool same = torch::equal(item.value(), b[item.key()]);
    const bool kept = item.key().rfind("net.0.", 0) == 0 || item.key().rfind("net.1.", 0) == 0;
    EXPECT_EQ(same, kept) << item.key();
  }
  chosen.freeze = {"nett.*"};
  try {
    Trainer(*toy, chosen, 9, run("run"));
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("nett.*"), std::string::npos) << error.what();
  }
}

TEST_F(Training, ADamagedLastCheckpointFallsBackToTheOneBefore) {
  const auto whole = task();
  Trainer(*whole, config(23), 9, run("whole")).fit();
  {
    const auto part = task();
    Trainer trainer(*part, config(23), 9, run("parts"));
    int asked = 0;
    trainer.set_stop([&] { return asked++ == 17; });
    EXPECT_THROW(trainer.fit(), Interrupted);
  }
  const CheckpointStore store(root_ / "parts" / "checkpoints");
  const fs::path model = *store.pointer("last") / "model.safetensors";
  fs::resize_file(model, fs::file_size(model) - 1);
  const auto rest = task();
  Trainer(*rest, config(23), 9, run("parts")).fit();
  EXPECT_EQ(weights(root_ / "whole"), weights(root_ / "parts"));
}

TEST_F(Training, LeftoversOfProcessesThatAreGoneAreRemoved) {
  const fs::path checkpoints = run("run") / "checkpoints";
  fs::create_directories(checkpoints / "step_00000004.tmp-999999999");
  std::ofstream(root_ / "run" / ".run.json.tmp-999999999-0") << "half";
  std::ofstream(root_ / "run" / format(".report.html.tmp-{}-0", ::getpid())) << "being written";
  const auto toy = task();
  Trainer(*toy, config(5), 9, root_ / "run").fit();
  EXPECT_FALSE(fs::exists(checkpoints / "step_00000004.tmp-999999999"));
  EXPECT_FALSE(fs::exists(root_ / "run" / ".run.json.tmp-999999999-0"));
  EXPECT_TRUE(fs::exists(root_ / "run" / format(".report.html.tmp-{}-0", ::getpid())));
}

TEST_F(Training, ARehearsalWritesNothing) {
  const auto toy = task();
  const Rehearsal found = Trainer(*toy, config(5), 9, root_ / "run").rehearse();
  EXPECT_FALSE(fs::exists(root_));
  EXPECT_GT(found.step_s, 0);
  std::string text;
  for (const std::string& line : found.lines) {
    text += line + "\n";
  }
  EXPECT_NE(text.find("batch x"), std::string::npos) << text;
  EXPECT_NE(text.find("[8, 4]"), std::string::npos) << text;
}

TEST_F(Training, ThePolicyOfAGridRoomLearnsFromItsOwnRollouts) {
  TrainConfig steps = config(150);
  steps.eval_every = 50;
  const auto made = [] {
    torch::manual_seed(11);
    return std::make_unique<testing_support::GridTask>(
        testing_support::GridConfig{}, Task::BuildArgs{3, torch::kCPU, {}});
  };
  const auto whole = made();
  EXPECT_GT(Trainer(*whole, steps, 9, run("whole")).fit().best_value, 0.9);
  {
    const auto part = made();
    Trainer trainer(*part, steps, 9, run("parts"));
    int asked = 0;
    trainer.set_stop([&] { return asked++ == 77; });
    EXPECT_THROW(trainer.fit(), Interrupted);
  }
  const auto rest = made();
  Trainer(*rest, steps, 9, run("parts")).fit();
  EXPECT_EQ(weights(root_ / "whole"), weights(root_ / "parts"));
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
