#include "models/xrir/acoustic_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "mmi/base/errors.h"
#include "mmi/io/csv.h"
#include "mmi/models/xrir/response_task.h"
#include "mmi/worlds/rooms/export.h"
#include "mmi/worlds/rooms/world.h"
#include "models/xrir/rooms_settings.h"
#include "models/xrir/world_rooms.h"
#include "registered.h"

namespace mmi::models::xrir {
namespace {

namespace fs = std::filesystem;
namespace rooms = worlds::rooms;

std::shared_ptr<Task> untrained() {
  register_xrir_once();
  XRirTaskConfig config;
  config.model.vit = {
      .height = 16,
      .width = 32,
      .patch_height = 4,
      .patch_width = 8,
      .dim = 16,
      .depth = 1,
      .heads = 2,
      .head_dim = 8,
      .mlp_dim = 16};
  config.model.channels = 16;
  config.model.audio_width = 0.125;
  config.model.align = Align::kWeightsOnly;
  config.model.weight_bias = WeightBias::kUniform;
  config.samples = 9600;
  config.references = 2;
  config.sources = 4;
  auto world = std::make_shared<WorldRoomsConfig>();
  world->test_rooms = 1;
  world->receivers = 3;
  world->sources = 4;
  world->rays = 500;
  world->cache = "none";
  config.rooms.config = world;
  torch::manual_seed(1);
  auto task = std::make_shared<XRirTask>(config, Task::BuildArgs{.seed = 1, .parents = {}});
  task->module().eval();
  return task;
}

class AcousticMapTool : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
  }

  void TearDown() override {
    fs::remove_all(folder_);
  }

  ToolResult run(const std::vector<std::string>& settings, bool stop = false) const {
    register_xrir_once();
    config::Node node = config::Node::map();
    for (const std::string& setting : settings) {
      config::apply_override(node, setting, 0);
    }
    node.set("name", config::Node::text("xrir/map"));
    config::Component<Tool> component;
    config::Problems problems;
    Registry<Tool>::get().read_component(component.name, component.config, node, "map", problems);
    problems.throw_if_any();
    ToolCall call;
    call.inputs = {"the_run"};
    call.out = folder_;
    call.open = [](const std::string&) { return untrained(); };
    call.stop = [stop] { return stop; };
    return Registry<Tool>::get().create(component, {})->run(call);
  }

  std::string error_of(const std::vector<std::string>& settings) const {
    try {
      run(settings);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }

  static double value(const ToolResult& result, const std::string& name) {
    for (const auto& [key, number] : result.values) {
      if (key == name) {
        return number;
      }
    }
    ADD_FAILURE() << "no value " << name;
    return 0;
  }

  fs::path folder_ = fs::path(::testing::TempDir()) /
                     (std::string("acoustic_map_") +
                      ::testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(AcousticMapTool, WritesEveryPointAndScoresThem) {
  const ToolResult result = run({"room=1", "receiver=2", "references=3", "step=1", "diff_rir=0"});
  EXPECT_EQ(fs::exists(folder_ / "map.png"), has_pictures());
  EXPECT_EQ(result.files.size(), has_pictures() ? 2U : 1U);
  const io::CsvTable table = io::read_csv(folder_ / "map.csv");
  EXPECT_EQ(
      table.header,
      (std::vector<std::string>{
          "x_m",
          "y_m",
          "z_m",
          "nearest_source",
          "c50_db",
          "c50_db_xrir",
          "c50_db_nearest",
          "t20_s",
          "t20_s_xrir",
          "t20_s_nearest",
          "edt_s",
          "edt_s_xrir",
          "edt_s_nearest",
          "level_db",
          "level_db_xrir",
          "level_db_nearest"}));
  ASSERT_EQ(table.rows.size(), static_cast<std::size_t>(value(result, "points")));

  // Places, references and what the nearest one gives, from the room itself.
  const rooms::WorldRoom room = rooms::make_room(1, kFirstTestRoom + 1, 4, 3);
  const auto told = nlohmann::json::parse(result.json);
  EXPECT_EQ(told["room"], room.name());
  ASSERT_EQ(told["references"].size(), 3U);
  std::vector<std::int64_t> known;
  for (const auto& reference : told["references"]) {
    known.push_back(reference["source"]);
    const Vec3 at = room.sources[static_cast<std::size_t>(known.back() - 1)];
    EXPECT_EQ(reference["position"], (nlohmann::json{at.x, at.y, at.z}));
  }
  double sum_ours = 0;
  double sum_nearest = 0;
  std::size_t scored = 0;
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const Vec3 place{table.number(i, 0), table.number(i, 1), table.number(i, 2)};
    EXPECT_TRUE(room.scene.contains(place));
    EXPECT_GE(rooms::clearance_m(room.scene, place), 0.3 - 1e-4);
    const auto distance = [&](std::int64_t source) {
      return norm(room.sources[static_cast<std::size_t>(source - 1)] - place);
    };
    const auto nearest = *std::min_element(
        known.begin(), known.end(), [&](auto a, auto b) { return distance(a) < distance(b); });
    EXPECT_EQ(table.number(i, 3), static_cast<double>(nearest));
    const auto& row = table.rows[i];
    if (!row[4].empty() && !row[5].empty() && !row[6].empty()) {
      sum_ours += std::abs(table.number(i, 5) - table.number(i, 4));
      sum_nearest += std::abs(table.number(i, 6) - table.number(i, 4));
      ++scored;
    }
  }
  ASSERT_GT(scored, 2U);
  EXPECT_EQ(static_cast<double>(scored), value(result, "points_with_value"));
  EXPECT_NEAR(value(result, "mae_xrir"), sum_ours / static_cast<double>(scored), 1e-3);
  EXPECT_NEAR(value(result, "mae_nearest"), sum_nearest / static_cast<double>(scored), 1e-3);
  EXPECT_LE(std::abs(value(result, "rho_xrir")), 1);
}

TEST_F(AcousticMapTool, HearsWhatTheScoresOfTheRunHear) {
  // One reference: the nearest one's level is that of its response in the run's own rooms.
  run({"room=0", "references=1", "step=1.5", "measure=level_db", "diff_rir=0"});
  const io::CsvTable table = io::read_csv(folder_ / "map.csv");
  const auto source = static_cast<std::int64_t>(table.number(0, 3)) - 1;
  auto task = untrained();
  const ReceiverSet& set = dynamic_cast<XRirTask&>(*task).rooms().split("test").front();
  const rooms::WorldRoom room = rooms::make_room(1, kFirstTestRoom, 4, 3);
  ASSERT_EQ(set.name, room.name() + "/R001");
  rooms::SimulateOptions options;
  options.rays = 500;
  const double scale = rooms::simulate_room(room, options).scale;
  const auto heard = set.responses[source].narrow(0, 0, 8000).to(torch::kFloat64) / scale;
  const double level = 10 * std::log10(heard.square().sum().item<double>());
  EXPECT_NEAR(table.number(0, table.column("level_db_nearest")), level, 1e-3);
}

TEST_F(AcousticMapTool, DiffRirIsFittedToTheReferences) {
  const std::vector<std::string> settings{"room=1", "references=3", "step=1.5", "measure=level_db"};
  const auto with = [&](const std::string& steps) {
    std::vector<std::string> all = settings;
    all.push_back("diff_rir=" + steps);
    return run(all);
  };
  const ToolResult none = with("1");
  const io::CsvTable before = io::read_csv(folder_ / "map.csv");
  const ToolResult some = with("40");
  const io::CsvTable after = io::read_csv(folder_ / "map.csv");
  EXPECT_EQ(before.header[7], "c50_db_diff_rir");
  ASSERT_EQ(after.rows.size(), before.rows.size());
  const auto same = [&](const char* column) {
    return after.number(0, after.column(column)) == before.number(0, before.column(column));
  };
  EXPECT_TRUE(same("level_db_xrir"));
  EXPECT_TRUE(same("level_db_nearest"));
  EXPECT_FALSE(same("level_db_diff_rir"));
  EXPECT_EQ(value(some, "mae_xrir"), value(none, "mae_xrir"));
  EXPECT_LE(std::abs(value(some, "rho_diff_rir")), 1);
}

TEST_F(AcousticMapTool, MistakesAreNamedAndLeaveNothing) {
  const auto has = [&](const std::vector<std::string>& settings, const std::string& part) {
    const std::string error = error_of(settings);
    EXPECT_NE(error.find(part), std::string::npos) << error;
  };
  has({"room=-1"}, "room");
  has({"receiver=4"}, "receiver=4, but the rooms of this run have receivers 1 to 3");
  has({"references=5"}, "references=5, but the rooms of this run have 4 sources");
  has({"measure=loudness"}, "c50_db");
  has({"height=30", "references=2"}, "no point at height 30 m");
  EXPECT_THROW(run({"step=1.5", "references=2"}, true), Interrupted);
  EXPECT_THROW(run({"step=1.5", "references=2", "diff_rir=0"}, true), Interrupted);
  EXPECT_FALSE(fs::exists(folder_));

  ToolCall call;
  call.out = folder_;
  call.inputs = {"other"};
  call.open = [](const std::string&) { return std::shared_ptr<Task>(); };
  EXPECT_THROW(make_acoustic_map({})->run(call), ConfigError);
  call.inputs.clear();
  EXPECT_THROW(make_acoustic_map({})->run(call), ConfigError);
}

TEST(RankCorrelation, FollowsOrderAndSharesRanks) {
  EXPECT_DOUBLE_EQ(rank_correlation({1, 2, 3, 4}, {1, 8, 27, 64}), 1);
  EXPECT_DOUBLE_EQ(rank_correlation({1, 2, 3, 4}, {4, 3, 2, 1}), -1);
  // Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: 4.5 / sqrt(4.5 * 5).
  EXPECT_NEAR(rank_correlation({1, 2, 2, 3}, {1, 2, 3, 4}), 4.5 / std::sqrt(22.5), 1e-12);
  EXPECT_TRUE(std::isnan(rank_correlation({1, 1}, {1, 2})));
  EXPECT_TRUE(std::isnan(rank_correlation({}, {})));
  EXPECT_THROW(rank_correlation({1}, {1, 2}), ShapeError);
}

}  // namespace
}  // namespace mmi::models::xrir
