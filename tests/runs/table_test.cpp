#include "mmi/runs/table.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/io/json.h"
#include "support/toy_task.h"

namespace mmi::runs {
namespace {

namespace fs = std::filesystem;
using testing_support::ToyConfig;
using testing_support::ToyTask;

/// Two rows that are trained, the second after the first, and one of another team.
constexpr const char* kTable = R"(
id: "0.1"
title: A toy, "quoted"
columns: [{metric: error, label: "Error, m", higher: false, digits: 3}]
rows:
  - {name: first, config: ../first.yaml, paper: {error: 0.5}}
  - {name: second, config: ../second.yaml, overrides: [task.lr=0.05], note: its own step size}
  - {name: others, status: quoted, paper: {error: 0.25}}
orderings:
  - {metric: error, better: first, worse: second, margin: 1000}
  - {metric: error, better: first, worse: others}
  - {metric: error, better: second, worse: first}
)";

/// Learns nothing, and counts how often it is scored.
class RuleTask : public ToyTask {
 public:
  using ToyTask::ToyTask;
  static inline int scored = 0;

  std::vector<Phase> phases() const override {
    return {};
  }

  Metrics evaluate(const std::string& split) override {
    ++scored;
    return {{"error", 0.75}};
  }
};

class TableTest : public testing::Test {
 protected:
  void SetUp() override {
    static const bool once = [] {
      Registry<Task>::get().add<ToyConfig>(
          "toy/two_phases", "", [](const ToyConfig& config, const Task::BuildArgs& args) {
            return std::make_shared<ToyTask>(config, args);
          });
      Registry<Task>::get().add<ToyConfig>(
          "toy/rule", "", [](const ToyConfig& config, const Task::BuildArgs& args) {
            return std::make_shared<RuleTask>(config, args);
          });
      return true;
    }();
    static_cast<void>(once);
    root_ = fs::path(testing::TempDir()) /
            testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(root_);
    fs::create_directories(root_ / "tables");
    std::ofstream(root_ / "first.yaml") << "task: {name: toy/two_phases}\ntrain: {max_steps: 6}\n"
                                           "presets: {smoke: {train: {max_steps: 2}}}\n";
    std::ofstream(root_ / "second.yaml")
        << "needs: {first: {config: first.yaml}}\ntask: {name: toy/two_phases, lr: 0.02}\n"
           "train: {max_steps: 4}\npresets: {smoke: {train: {max_steps: 2}}}\n";
    write(kTable);
    options_.preset = "smoke";
    options_.seeds = 2;
  }

  void TearDown() override {
    fs::remove_all(root_);
  }

  void write(const std::string& text) {
    std::ofstream(root_ / "tables/0.1.yaml") << text;
  }

  TableFile table() const {
    return read_table((root_ / "tables/0.1.yaml").string());
  }

  std::string error_of(const std::string& from, const std::string& to) {
    std::string text = kTable;
    text.replace(text.find(from), from.size(), to);
    write(text);
    try {
      table();
      return "";
    } catch (const ConfigError& error) {
      return error.what();
    }
  }

  fs::path root_;
  TableOptions options_;
};

TEST_F(TableTest, TrainsWhatIsMissingAndJudgesTheClaims) {
  Store store(root_ / "runs");
  const TableResult result = make_table(table(), store, options_);
  EXPECT_EQ(store.list().size(), 4U);  // two seeds of each; the first row is the parent too
  ASSERT_EQ(result.rows.size(), 3U);
  const auto& items = result.rows[1].items.at("error");
  ASSERT_EQ(items.size(), 1U);  // a toy has one item
  ASSERT_EQ(items[0].size(), 2U);
  const Score& score = result.rows[1].scores.at("error");
  EXPECT_NEAR(score.mean, (items[0][0] + items[0][1]) / 2, 1e-12);
  EXPECT_LE(score.low, score.mean);
  EXPECT_GE(score.high, score.mean);
  EXPECT_TRUE(result.rows[2].scores.empty());
  EXPECT_EQ(result.orderings[0].verdict, "fails");
  EXPECT_EQ(result.orderings[0].text, "Error, m: first < second by more than 1000");
  EXPECT_EQ(result.orderings[0].difference->p, 1.0);
  EXPECT_EQ(result.orderings[1].verdict, "not run");

  std::set<fs::file_time_type> before;
  for (const RunInfo& info : store.list()) {
    before.insert(fs::last_write_time(info.path / "run.json"));
  }
  const TableResult again = make_table(table(), store, options_);
  for (const RunInfo& info : store.list()) {
    EXPECT_TRUE(before.contains(fs::last_write_time(info.path / "run.json")));
  }
  EXPECT_EQ(again.rows[1].items, result.rows[1].items);
}

TEST_F(TableTest, WhatIsScoredIsNotScoredAgain) {
  Store store(root_ / "runs");
  options_.rows = {"first"};
  options_.seeds = 1;
  const TableResult result = make_table(table(), store, options_);
  const fs::path scores = store.list().at(0).path / "scores" / "test.json";
  nlohmann::json saved = io::read_json(scores);
  EXPECT_EQ(saved.at("items").at(0).at(1).at(0).at(1), result.rows[0].scores.at("error").mean);
  saved.at("items").at(0).at(1).at(0).at(1) = 0.125;
  std::ofstream(scores) << saved.dump();
  EXPECT_EQ(make_table(table(), store, options_).rows[0].scores.at("error").mean, 0.125);
  // Another revision's scores, and a file that is damaged, do not count.
  saved.at("revision") = "another";
  std::ofstream(scores) << saved.dump();
  EXPECT_EQ(make_table(table(), store, options_).rows[0].items, result.rows[0].items);
  std::ofstream(scores) << "{";
  EXPECT_EQ(make_table(table(), store, options_).rows[0].items, result.rows[0].items);
}

TEST_F(TableTest, WhatLearnsNothingIsScoredOnce) {
  std::ofstream(root_ / "rule.yaml") << "task: {name: toy/rule}\npresets: {smoke: {}}\n";
  std::string text = kTable;
  text.insert(text.find("  - {name: others"), "  - {name: rule, config: ../rule.yaml}\n");
  write(text);
  Store store(root_ / "runs");
  RuleTask::scored = 0;
  options_.rows = {"first", "rule"};
  const TableResult result = make_table(table(), store, options_);
  EXPECT_EQ(RuleTask::scored, 1);
  EXPECT_EQ(result.rows[2].items.at("error"), (metrics::ItemScores{{0.75, 0.75}}));
  EXPECT_NE(result.orderings[0].verdict, "");
}

TEST_F(TableTest, SeveralProcessesGiveTheSameTable) {
  options_.overrides = {"threads=1"};
  Store alone(root_ / "alone");
  const TableResult expected = make_table(table(), alone, options_);
  options_.jobs = 2;
  options_.program = fs::read_symlink("/proc/self/exe").parent_path() / "toys";
  Store together(root_ / "together");
  const TableResult result = make_table(table(), together, options_);
  EXPECT_EQ(result.rows[0].items, expected.rows[0].items);
  EXPECT_EQ(result.rows[1].items, expected.rows[1].items);

  std::ofstream(root_ / "second.yaml", std::ios::app) << "init: {file: missing.safetensors}\n";
  try {
    make_table(table(), together, options_);
    FAIL() << "a training that fails must end the table";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), kExitCheckpoint);
    EXPECT_NE(std::string(error.what()).find("the training of second, seed"), std::string::npos);
  }
}

TEST_F(TableTest, WritesWhatPeopleAndMachinesRead) {
  Store store(root_ / "runs");
  options_.rows = {"first"};
  TableResult result = make_table(table(), store, options_);
  const fs::path out = root_ / "results";
  write_table(result, out, "mmi table 0.1 --preset smoke");
  write_table_index(out);
  const auto json = io::parse_json(read_text(out / "0.1.json"), "0.1.json");
  EXPECT_EQ(json.at("table"), "0.1");
  EXPECT_EQ(json.at("rows").at(0).at("paper").at("error"), 0.5);
  EXPECT_EQ(
      json.at("rows").at(0).at("metrics").at("error").at("mean").get<double>(),
      result.rows[0].scores.at("error").mean);
  EXPECT_EQ(json.at("rows").at(1).at("status"), "not run");
  EXPECT_EQ(json.at("rows").at(2).at("status"), "quoted");
  EXPECT_EQ(json.at("command"), "mmi table 0.1 --preset smoke");
  const std::string csv = read_text(out / "0.1.csv");
  EXPECT_NE(csv.find("others,quoted,error,,,,0.25\n"), std::string::npos);
  const std::string markdown = read_text(out / "0.1.md");
  EXPECT_NE(markdown.find("| others | quoted | – | 0.250 |"), std::string::npos);
  EXPECT_NE(markdown.find("second: its own step size"), std::string::npos);
  EXPECT_NE(markdown.find("| first | run | **"), std::string::npos);  // the best
  result.config.columns[0].ranked = false;
  write_table(result, out / "unranked", "");
  EXPECT_EQ(read_text(out / "unranked/0.1.md").find("**"), std::string::npos);
  const std::string svg = read_text(out / "0.1.svg");
  EXPECT_NE(svg.find("Error, m ↓"), std::string::npos);
  EXPECT_EQ(svg.find("second"), std::string::npos);  // nothing to draw
  const std::string page = read_text(out / "index.html");
  EXPECT_NE(page.find("Table 0.1: A toy, &quot;quoted&quot;"), std::string::npos);
}

TEST_F(TableTest, BadTablesAreRefusedBeforeAnythingIsTrained) {
  EXPECT_NE(
      error_of("worse: others", "worse: other").find("no such row or column"), std::string::npos);
  EXPECT_NE(
      error_of("paper: {error: 0.5}", "paper: {eror: 0.5}").find("no column eror"),
      std::string::npos);
  EXPECT_NE(error_of("config: ../first.yaml, ", "").find("names no config"), std::string::npos);
  EXPECT_NE(error_of("status: quoted", "status: quotd").find("status"), std::string::npos);
  EXPECT_EQ(error_of("", ""), "");
  Store store(root_ / "runs");
  options_.rows = {"frist"};
  EXPECT_THROW(make_table(table(), store, options_), ConfigError);
  EXPECT_TRUE(store.list().empty());
  EXPECT_THROW(read_table("99.9"), ConfigError);
}

TEST(ThesisTables, AreAllListedAndThoseWithAFileCanBeRead) {
  const auto tables = thesis_tables();
  EXPECT_EQ(tables.size(), 33U);
  int made = 0;
  for (const ThesisTable& table : tables) {
    if (!table.file.empty()) {
      EXPECT_EQ(read_table(table.id).config.id, table.id);
      ++made;
    }
  }
  EXPECT_GE(made, 1);
}

}  // namespace
}  // namespace mmi::runs
