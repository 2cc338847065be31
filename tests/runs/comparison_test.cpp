#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/runs/reference.h"
#include "mmi/runs/store.h"
#include "mmi/runs/tools.h"
#include "support/toy_task.h"

namespace mmi::runs {
namespace {

namespace fs = std::filesystem;
using testing_support::ToyConfig;
using testing_support::ToyTask;

void register_toy() {
  static const bool once = [] {
    Registry<Task>::get().add<ToyConfig>(
        "toy/compared", "", [](const ToyConfig& config, const Task::BuildArgs& args) {
          return std::make_shared<ToyTask>(config, args);
        });
    return true;
  }();
  static_cast<void>(once);
}

TEST(Differences, NamesWhatIsNotEqual) {
  const auto list = differences(
      config::parse_yaml("a: {x: 1, y: 2}\nb: same\nonly: here", "left"),
      config::parse_yaml("a: {x: 1, y: 3}\nb: same\nother: 4", "right"));
  ASSERT_EQ(list.size(), 3u);
  EXPECT_EQ(list[0].path, "a.y");
  EXPECT_EQ(list[0].left, "2");
  EXPECT_EQ(list[0].right, "3");
  EXPECT_EQ(list[1].path, "only");
  EXPECT_EQ(list[1].right, "–");
  EXPECT_EQ(list[2].path, "other");
  EXPECT_EQ(list[2].left, "–");
}

TEST(Comparison, ShowsSettingsCurvesAndSamplesOfBothRuns) {
  register_toy();
  const fs::path root = fs::path(testing::TempDir()) / "comparison";
  fs::remove_all(root);
  fs::create_directories(root);
  std::ofstream(root / "toy.yaml")
      << "task: {name: toy/compared}\ntrain: {max_steps: 4, log_every: 1}\n";
  Store store(root / "runs");
  const auto a = store.train(*resolve((root / "toy.yaml").string(), {"task.lr=0.01"}));
  const auto b = store.train(*resolve((root / "toy.yaml").string(), {"task.lr=0.02"}));
  for (const auto& run : {a, b}) {
    fs::create_directories(run->info.path / "samples");
    std::ofstream(run->info.path / "samples" / "heard.wav") << "RIFF";
  }
  std::ofstream(a->info.path / "samples" / "alone.wav") << "RIFF";
  const fs::path page = write_comparison(a->info.path, b->info.path);
  EXPECT_EQ(page.parent_path(), a->info.path);
  const std::string html = read_text(page);
  for (const char* text :
       {"task.lr", "0.01", "0.02", "A train", "B train", "A: heard.wav", "B: heard.wav"}) {
    EXPECT_NE(html.find(text), std::string::npos) << text;
  }
  EXPECT_EQ(html.find("alone.wav"), std::string::npos);
  const fs::path elsewhere = write_comparison(a->info.path, b->info.path, {}, root / "page.html");
  EXPECT_TRUE(fs::exists(elsewhere));
  EXPECT_THROW(write_comparison(a->info.path, b->info.path, root / "missing.mp4"), DataError);
}

struct CountConfig {
  int times = 2;

  static const config::Schema& schema() {
    static const config::Schema made =
        config::Table<CountConfig>("count", "counts")
            .field("times", &CountConfig::times, "how often", config::between(1, 9));
    return made;
  }
};

class Count : public Tool {
 public:
  explicit Count(const CountConfig& config) : config_(config) {}

  std::string usage() const override {
    return "<thing> [thing …]";
  }

  ToolResult run(const ToolCall& call) override {
    ToolResult result;
    result.values = {{"count", static_cast<double>(call.inputs.size()) * config_.times}};
    return result;
  }

 private:
  CountConfig config_;
};

TEST(Tools, RunWithTheirSettingsAndExplainThem) {
  Registry<Tool>::get().add<CountConfig>(
      "toy/count", "counts its inputs", [](const CountConfig& config, const Tool::BuildArgs&) {
        return std::make_shared<Count>(config);
      });
  const Store store(fs::path(testing::TempDir()) / "no_runs");
  const auto settings = config::parse_yaml("times: 3", "test");
  EXPECT_EQ(run_tool("toy/count", settings, {"a", "b"}, "", store).values[0].second, 6);
  EXPECT_THROW(run_tool("toy/cuont", settings, {}, "", store), ConfigError);
  EXPECT_THROW(
      run_tool("toy/count", config::parse_yaml("tims: 3", "test"), {}, "", store), ConfigError);
  EXPECT_THROW(
      run_tool("toy/count", config::parse_yaml("times: 10", "test"), {}, "", store), ConfigError);
  const std::string help = tool_help("toy/count");
  for (const char* text : {"mmi toy count <thing>", "times=2", "how often", "[1, 9]"}) {
    EXPECT_NE(help.find(text), std::string::npos) << help;
  }
  EXPECT_NE(list_tools("toy").find("count"), std::string::npos);
  EXPECT_EQ(list_tools("to"), "");
}

}  // namespace
}  // namespace mmi::runs
