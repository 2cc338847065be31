#include "mmi/models/xrir/inras.h"

#include <gtest/gtest.h>

#include <cmath>
#include <iostream>
#include <numbers>

#include "mmi/base/errors.h"
#include "mmi/models/xrir/inras_task.h"
#include "mmi/models/xrir/spectrum.h"
#include "mmi/nn/optimizer.h"
#include "mmi/nn/state.h"
#include "models/xrir/one_room.h"
#include "models/xrir/scores.h"
#include "models/xrir/world_rooms.h"
#include "registered.h"

namespace mmi::models::xrir {
namespace {

namespace rooms = worlds::rooms;

constexpr InrasConfig kSmall{.points = 12, .width = 32, .frames = 81};

rooms::Scene furnished() {
  rooms::Scene scene = rooms::Scene::shoebox({5, 4, 2.7}, rooms::Material::flat(0.3, 0.1));
  scene.add_box({1, 1, 0.1}, {2, 3, 1}, 0, "table");
  return scene;
}

TEST(Inras, BouncePointsAreSpreadOverTheWalls) {
  const auto points = bounce_points(furnished(), 40);
  ASSERT_EQ(points.sizes().vec(), (std::vector<std::int64_t>{40, 3}));
  const auto far = torch::tensor({5.0F, 4.0F, 2.7F}) - points;
  const auto from_wall = torch::minimum(points.abs(), far.abs()).amin(1);
  EXPECT_LT(from_wall.max().item<double>(), 1e-5) << "none on the table";
  const auto between = torch::cdist(points, points) + 10 * torch::eye(40);
  EXPECT_GT(between.min().item<double>(), 0.8) << "40 points on 88.6 m2";
  EXPECT_TRUE(torch::equal(points, bounce_points(furnished(), 40)));
  EXPECT_TRUE(torch::equal(points.narrow(0, 0, 1), bounce_points(furnished(), 1)));
}

TEST(Inras, EveryParameterHasAGradient) {
  torch::manual_seed(1);
  Inras model(kSmall, bounce_points(furnished(), kSmall.points));
  const auto predicted = model.forward(torch::rand({3, 3}), 2 + torch::rand({3, 3}));
  EXPECT_EQ(predicted.sizes().vec(), (std::vector<std::int64_t>{3, kBins, 81}));
  EXPECT_NEAR(predicted.mean().item<double>(), kSmall.log_bias, 0.5) << "where it begins";
  response_loss(predicted, 0.01 * torch::randn({3, 2500}), 0.1).total.backward();
  for (const auto& entry : model.named_parameters()) {
    const auto gradient = entry.value().grad();
    ASSERT_TRUE(gradient.defined()) << entry.key();
    EXPECT_GT(gradient.abs().sum().item<double>(), 0) << entry.key();
  }
}

TEST(Inras, ItsStateHoldsTheBouncePoints) {
  torch::manual_seed(1);
  Inras model(kSmall, bounce_points(furnished(), kSmall.points));
  Inras other(kSmall, torch::zeros({kSmall.points, 3}));
  nn::NamedTensors state;
  for (const auto& entry : nn::state_of(model)) {
    state.emplace_back(entry.name, entry.tensor);
  }
  nn::load_state(other, state, "a model");
  const auto source = torch::rand({2, 3});
  const auto receiver = 2 + torch::rand({2, 3});
  EXPECT_TRUE(torch::equal(other.forward(source, receiver), model.forward(source, receiver)));
}

TEST(Inras, WrongShapesAreRefused) {
  const auto points = bounce_points(furnished(), kSmall.points);
  EXPECT_THROW(Inras(kSmall, points.narrow(0, 0, 5)), ShapeError);
  Inras model(kSmall, points);
  EXPECT_THROW(model.forward(torch::rand({3, 3}), torch::rand({2, 3})), ShapeError);
  EXPECT_THROW(bounce_points(rooms::Scene(), 4), ConfigError);
}

InrasTaskConfig few_pairs() {
  register_xrir_once();
  InrasTaskConfig config;
  config.model = kSmall;
  config.samples = 2500;
  config.loader = {4, 1, 2};
  OneRoomConfig room;
  room.receivers = 2;
  room.sources = 5;
  room.rays = 500;
  room.cache = "none";
  config.rooms.config = std::make_shared<OneRoomConfig>(room);
  return config;
}

/// Losses of the known pairs before and after `steps`.
std::pair<double, double> fit(InrasTask& task, const InrasTaskConfig& config, int steps) {
  const double before = task.evaluate("valid")[0].second;
  nn::NamedTensors parameters;
  for (const auto& entry : task.module().named_parameters()) {
    parameters.emplace_back(entry.key(), entry.value());
  }
  nn::Optimizer optimizer(parameters, config.optimizer);
  const auto source = task.source();
  StepContext context;
  for (context.step = 0; context.step < steps; ++context.step) {
    optimizer.zero_grad();
    task.backward(task.loss("main", source->next(), context).total);
    optimizer.step(
        0.5 + 0.5 * std::cos(std::numbers::pi * static_cast<double>(context.step) / steps));
  }
  return {before, task.evaluate("valid")[0].second};
}

TEST(InrasTask, FitsPairsBetterThanTheirMeanDoes) {
  torch::manual_seed(1);
  const InrasTaskConfig config = few_pairs();
  InrasTask task(config, {.seed = 1, .parents = {}});
  const auto [before, after] = fit(task, config, 1500);
  // What to beat: the mean of the known log spectrograms, for every pair.
  const auto rooms = Registry<RirRooms>::get().create(config.rooms, {1, 2, config.samples});
  std::vector<torch::Tensor> responses;
  for (const ReceiverSet& set : rooms->split("train")) {
    responses.push_back(set.responses);
  }
  const auto all = torch::cat(responses);
  const auto mean = to_log(magnitudes(all)).mean(0, true).expand({all.size(0), -1, -1});
  const double bound = response_loss(mean, all, config.decay_weight).total.item<double>();
  std::cout << format("loss {:.4f} -> {:.4f}, of the mean {:.4f}\n", before, after, bound);
  EXPECT_LT(after, 0.7 * bound);
  EXPECT_LT(after, 0.3 * before);

  const auto items = task.evaluate_items("test");
  ASSERT_EQ(items.size(), 2U) << "one of five sources at each of two receivers";
  EXPECT_EQ(items.front().second.front().first, "edt_s");
}

TEST(InrasTask, ASeedGivesOneResult) {
  const InrasTaskConfig config = few_pairs();
  std::vector<double> losses;
  for (const std::uint64_t seed : {1, 1, 2}) {
    torch::manual_seed(seed);
    InrasTask task(config, {.seed = seed, .parents = {}});
    losses.push_back(fit(task, config, 3).second);
  }
  EXPECT_EQ(losses[0], losses[1]);
  EXPECT_NE(losses[0], losses[2]);
}

TEST(InrasTask, LearnsOneRoomAlone) {
  InrasTaskConfig config = few_pairs();
  config.rooms.name = "room_world";
  WorldRoomsConfig world;
  world.train_rooms = 2;
  world.receivers = 2;
  world.sources = 2;
  world.rays = 0;
  world.cache = "none";
  config.rooms.config = std::make_shared<WorldRoomsConfig>(world);
  EXPECT_THROW(InrasTask(config, {.seed = 1, .parents = {}}), ConfigError);
}

}  // namespace
}  // namespace mmi::models::xrir
