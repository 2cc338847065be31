#include "mmi/models/xrir/response_task.h"

#include <gtest/gtest.h>

#include <set>

#include "mmi/base/errors.h"
#include "mmi/nn/optimizer.h"
#include "mmi/nn/state.h"
#include "models/xrir/world_rooms.h"
#include "registered.h"

namespace mmi::models::xrir {
namespace {

XRirTaskConfig tiny() {
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
  config.model.frames = 81;
  config.samples = 2500;
  config.references = 2;
  config.sources = 4;
  config.draws = 2;
  config.loader = {2, 1, 2};
  auto world = std::make_shared<WorldRoomsConfig>();
  world->train_rooms = 3;
  world->valid_rooms = 1;
  world->test_rooms = 1;
  world->receivers = 2;
  world->sources = 4;
  world->rays = 200;
  world->cache = "none";
  config.rooms.config = world;
  register_xrir_once();
  return config;
}

ReceiverSet of_sources(std::int64_t count) {
  ReceiverSet set;
  set.sources = torch::zeros({count, 3});
  return set;
}

TEST(DrawReferences, TakesOtherSourcesWithoutRepetition) {
  Rng rng(3);
  const auto chosen = draw_references(of_sources(6), 5, rng);
  for (std::int64_t s = 0; s < 6; ++s) {
    std::set<std::int64_t> taken;
    for (std::int64_t k = 0; k < 5; ++k) {
      taken.insert(chosen[s][k].item<std::int64_t>());
    }
    EXPECT_EQ(taken.size(), 5U);
    EXPECT_FALSE(taken.contains(s)) << "a target is no reference of itself";
  }
  const auto few = draw_references(of_sources(3), 8, rng);
  for (std::int64_t s = 0; s < 3; ++s) {
    EXPECT_TRUE(few[s].ne(s).all().item<bool>()) << "repeated, but never the target";
  }
}

TEST(DrawReferences, FewerAreTheFirstOfMore) {
  Rng one(5);
  Rng eight(5);
  EXPECT_TRUE(torch::equal(
      draw_references(of_sources(10), 1, one),
      draw_references(of_sources(10), 8, eight).narrow(1, 0, 1)));
}

TEST(DrawReferences, OnlyKnownOnesServe) {
  Rng rng(7);
  ReceiverSet set = of_sources(6);
  set.known = torch::tensor({true, false, true, false, false, true});
  const auto chosen = draw_references(set, 2, rng);
  for (std::int64_t s = 0; s < 6; ++s) {
    for (std::int64_t k = 0; k < 2; ++k) {
      EXPECT_TRUE(set.known[chosen[s][k].item<std::int64_t>()].item<bool>());
    }
    EXPECT_TRUE(chosen[s].ne(s).all().item<bool>());
  }
}

TEST(DrawReferences, APoolLimitsThemAndHasToHoldAnother) {
  Rng rng(7);
  ReceiverSet set = of_sources(10);
  set.name = "Cafe/R001";
  set.pool = torch::arange(1, 11).le(9);
  const auto chosen = draw_references(set, 8, rng);
  for (std::int64_t s = 0; s < 9; ++s) {
    // Eight of nine are left, so the draw is but their order.
    EXPECT_EQ(chosen[s].sum().item<std::int64_t>(), 36 - s);
  }
  EXPECT_TRUE(chosen.ne(9).all().item<bool>());
  set.pool = torch::arange(1, 11).eq(1);
  EXPECT_THROW(draw_references(set, 1, rng), DataError);
}

TEST(XRirTask, LearnsToPutReferencesTogether) {
  torch::manual_seed(1);
  XRirTask task(tiny(), {.seed = 1, .parents = {}});
  const double before = task.evaluate("valid")[0].second;
  nn::OptimizerConfig rule{.name = nn::OptimizerKind::kAdamW, .lr = 3e-3};
  nn::NamedTensors parameters;
  for (const auto& entry : task.module().named_parameters()) {
    parameters.emplace_back(entry.key(), entry.value());
  }
  nn::Optimizer optimizer(parameters, rule);
  const auto source = task.source();
  task.module().train();
  StepContext context;
  for (context.step = 0; context.step < 30; ++context.step) {
    context.rng = Rng(1).stream("step", static_cast<std::uint64_t>(context.step));
    optimizer.zero_grad();
    task.backward(task.loss("main", source->next(), context).total);
    optimizer.step();
  }
  task.module().eval();
  EXPECT_LT(task.evaluate("valid")[0].second, before);
}

TEST(XRirTask, ScoresUnseenAndSeenReceiversApart) {
  torch::manual_seed(1);
  XRirTask task(tiny(), {.seed = 1, .parents = {}});
  task.module().eval();
  const auto items = task.evaluate_items("test");
  ASSERT_EQ(items.size(), 2U + 3U) << "two receivers of an unseen room, one of each of three seen";
  EXPECT_EQ(items.front().second.front().first, "edt_s");
  EXPECT_EQ(items.back().second.front().first, "seen_edt_s");
  EXPECT_EQ(items, task.evaluate_items("test")) << "draws and phases are functions of the item";
  task.restore({{"references", 1}});
  EXPECT_NE(items, task.evaluate_items("test"));
}

TEST(XRirTask, PredictsFromWhatACallerKnows) {
  torch::manual_seed(1);
  XRirTask task(tiny(), {.seed = 1, .parents = {}});
  task.module().eval();
  const ReceiverSet& set = task.rooms().split("test").front();
  const auto expected = task.predict(set, torch::tensor({0, 1}).expand({4, 2})).narrow(0, 2, 2);
  TensorDict inputs;
  inputs.set("depth", set.depth);
  inputs.set("references", set.sources.narrow(0, 0, 2));
  inputs.set("responses", set.responses.narrow(0, 0, 2));
  inputs.set("sources", set.sources.narrow(0, 2, 2));
  const TensorDict found = task.infer(inputs);
  EXPECT_TRUE(torch::allclose(found.tensor("log_spectra"), expected, 1e-4, 1e-4));
  EXPECT_EQ(found.tensor("responses").size(0), 2);
  EXPECT_EQ(found.tensor("responses").size(1), 31 * (expected.size(2) - 1));

  // Places of a scene, a larger panorama, and responses that go on for longer.
  const auto receiver = torch::tensor({3.0, 2.0, 1.5}, torch::kFloat64);
  inputs.set("receiver", receiver);
  inputs.set("references", set.sources.narrow(0, 0, 2) + receiver);
  inputs.set("sources", set.sources[2] + receiver);
  inputs.set("depth", set.depth.repeat_interleave(3, 0).repeat_interleave(3, 1));
  inputs.set("responses", torch::cat({set.responses.narrow(0, 0, 2), torch::ones({2, 500})}, 1));
  const auto one = task.infer(inputs).tensor("log_spectra");
  EXPECT_TRUE(torch::allclose(one, expected.narrow(0, 0, 1), 1e-3, 1e-3));

  const auto fails = [&](const char* name, const torch::Tensor& value) {
    TensorDict wrong = inputs;
    wrong.set(name, value);
    return [&task, wrong] { task.infer(wrong); };
  };
  EXPECT_THROW(fails("responses", torch::ones({3, 100}))(), ShapeError);
  EXPECT_THROW(fails("depth", torch::ones({5}))(), ShapeError);
  EXPECT_THROW(fails("sources", torch::ones({2, 2}))(), ShapeError);
  EXPECT_THROW(fails("receiver", torch::ones({2, 3}))(), ShapeError);
  EXPECT_THROW(fails("source", torch::ones({3}))(), DataError);
  EXPECT_THROW(task.infer(TensorDict()), DataError);
}

TEST(XRirTask, ImpossibleSettingsAreNamed) {
  const auto problems = [](const XRirTaskConfig& config) {
    config::Problems found;
    for (const auto& check : XRirTaskConfig::schema().checks) {
      check(&config, found);
    }
    return !found.empty();
  };
  EXPECT_FALSE(problems(tiny()));
  XRirTaskConfig config = tiny();
  config.samples = 9600;
  EXPECT_TRUE(problems(config)) << "310 frames, but the model has 81";
  config = tiny();
  config.references = 4;
  EXPECT_TRUE(problems(config)) << "four sources leave three references";
  config = tiny();
  config.sources = 5;
  config.references = 2;
  EXPECT_THROW(XRirTask(config, {.seed = 1, .parents = {}}).source(), DataError);
}

}  // namespace
}  // namespace mmi::models::xrir
