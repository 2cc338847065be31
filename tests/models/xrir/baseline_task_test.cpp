#include "mmi/models/xrir/baseline_task.h"

#include <gtest/gtest.h>

#include <map>

#include "mmi/base/errors.h"
#include "models/xrir/world_rooms.h"
#include "registered.h"

namespace mmi::models::xrir {
namespace {

BaselineTaskConfig tiny(BaselineRule rule) {
  BaselineTaskConfig config;
  config.rule = rule;
  config.references = 3;
  config.draws = 2;
  auto world = std::make_shared<WorldRoomsConfig>();
  world->train_rooms = 1;
  world->valid_rooms = 1;
  world->test_rooms = 5;
  world->receivers = 2;
  world->sources = 5;
  world->rays = 1000;
  world->cache = "none";
  config.rooms.config = world;
  register_xrir_once();
  return config;
}

std::map<std::string, double> scores(BaselineRule rule) {
  BaselineTask task(tiny(rule), {.seed = 1, .parents = {}});
  const Metrics metrics = task.evaluate("test");
  return {metrics.begin(), metrics.end()};
}

TEST(BaselineTask, TheTruthIsBestAndAnotherRoomWorst) {
  const auto oracle = scores(BaselineRule::kOracle);
  const auto aligned = scores(BaselineRule::kNearestAligned);
  const auto nearest = scores(BaselineRule::kNearest);
  const auto same = scores(BaselineRule::kRandomSame);
  const auto across = scores(BaselineRule::kRandomAcross);
  for (const char* metric : {"edt_s", "c50_db"}) {
    EXPECT_LT(oracle.at(metric), aligned.at(metric)) << metric;
    EXPECT_LT(aligned.at(metric), nearest.at(metric)) << metric;
    EXPECT_LT(nearest.at(metric), across.at(metric)) << metric;
    EXPECT_LT(same.at(metric), across.at(metric)) << metric;
  }
  EXPECT_LT(oracle.at("t60_percent"), 2);
  EXPECT_EQ(oracle.at("scored"), 1);
  // What the rays leave to chance, of which a thousand leave much.
  const auto again = scores(BaselineRule::kSimulatedAgain);
  EXPECT_LT(again.at("edt_s"), nearest.at("edt_s"));
  EXPECT_LT(again.at("c50_db"), nearest.at("c50_db"));
  EXPECT_GT(again.at("c50_db"), 0);
}

TEST(BaselineTask, EveryRuleGivesAScore) {
  for (const BaselineRule rule :
       {BaselineRule::kLinear, BaselineRule::kLogWeighted, BaselineRule::kLogMean}) {
    const auto found = scores(rule);
    EXPECT_GT(found.at("c50_db"), 0);
    EXPECT_LT(found.at("c50_db"), 6);
  }
}

TEST(BaselineTask, HasNothingToTrain) {
  BaselineTask task(tiny(BaselineRule::kNearest), {.seed = 1, .parents = {}});
  EXPECT_TRUE(task.phases().empty());
  EXPECT_THROW(task.source(), ConfigError);
}

}  // namespace
}  // namespace mmi::models::xrir
