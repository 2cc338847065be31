#include "mmi/models/xrir/diff_rir.h"

#include <gtest/gtest.h>
#include <torch/fft.h>

#include <cmath>
#include <map>

#include "mmi/base/errors.h"
#include "mmi/models/xrir/baselines.h"
#include "mmi/models/xrir/diff_rir_task.h"
#include "mmi/models/xrir/spectrum.h"
#include "mmi/nn/optimizer.h"
#include "registered.h"

namespace mmi::models::xrir {
namespace {

namespace rooms = worlds::rooms;

constexpr std::int64_t kSamples = 9600;

std::vector<rooms::Vec3> microphones(std::int64_t count) {
  Rng rng(4);
  std::vector<rooms::Vec3> places;
  while (static_cast<std::int64_t>(places.size()) < count) {
    const rooms::Vec3 place{rng.uniform(0.5, 4.5), rng.uniform(0.5, 3.5), rng.uniform(0.8, 2)};
    if (norm(place - rooms::Vec3{1, 1, 1.2}) > 0.7) {
      places.push_back(place);
    }
  }
  return places;
}

rooms::Scene box(double absorption, double scattering) {
  return rooms::Scene::shoebox({5, 4, 2.7}, rooms::Material::flat(absorption, scattering));
}

TEST(DiffRir, FiltersHaveTheMagnitudeTheyAreAskedFor) {
  const DiffRir model(1, 2400);
  const auto gains = torch::tensor({0.5F, 0.2F, -0.3F, -1.0F, -0.7F, -0.2F, -1.2F, 0.1F, -0.5F});
  const auto filter = model.filters(gains);
  ASSERT_EQ(filter.size(0), DiffRir::kTaps);
  const auto ln = torch::log(torch::fft::rfft(filter, 22050).abs());  // bin k is k Hz
  const auto octaves = torch::tensor({125, 250, 500, 1000, 2000, 4000, 8000});
  const auto error = (ln.index_select(0, octaves) - gains.narrow(0, 2, 7)).abs();
  EXPECT_LT(error.max().item<double>(), 0.03) << error;
  EXPECT_NEAR(ln[3000].item<double>(), (-1.2 + 0.1) / 2, 0.01) << "linear between octaves";
  EXPECT_NEAR(ln[10500].item<double>(), -0.5, 0.02) << "constant beyond the last";
  // Of all filters with one magnitude the one of minimum phase has its energy first.
  EXPECT_GT(
      filter.narrow(0, 0, 32).square().sum().item<double>(),
      0.95 * filter.square().sum().item<double>());
}

TEST(DiffRir, ReflectionsAreTheImagesOfTheSimulator) {
  const double absorption = 0.3;
  const rooms::Simulator simulator(box(absorption, 0));
  const auto places = microphones(3);
  const rooms::Vec3 loudspeaker{1, 1, 1.2};
  const auto paths = specular_paths(simulator, loudspeaker, places, kSamples, {.order = 2});
  ASSERT_EQ(paths.place.size(0), 3 * 25) << "1 + 6 + 18 images";

  DiffRir model(simulator.surfaces(), kSamples);
  const torch::NoGradGuard no_grad;
  model.surface_logits.select(-1, 0).fill_(std::log(1 - absorption));
  model.surface_logits.select(-1, 1).fill_(std::log(absorption));
  const auto rendered = model.reflections(paths);

  rooms::SimulateOptions options;
  options.image_order = 2;
  options.rays = 0;
  options.air = false;
  options.keep_paths = true;
  std::vector<rooms::Source> sources;
  for (const rooms::Vec3& place : places) {
    sources.push_back({.position = place});
  }
  const auto truth = simulator.run(sources, loudspeaker, options);  // by the closed form
  auto expected = torch::zeros({3, kSamples});
  for (std::int64_t s = 0; s < 3; ++s) {
    for (const rooms::Path& path : truth.paths[static_cast<std::size_t>(s)]) {
      const auto at = std::lround(path.distance_m / kSpeedOfSound * kSampleRateHz);
      expected[s][at] += path.amplitude[4];
    }
  }
  EXPECT_LT((rendered - expected).abs().max().item<double>(), 1e-5);
  EXPECT_GT(expected.abs().max().item<double>(), 0.1);
}

TEST(DiffRir, EveryParameterHasAGradient) {
  torch::manual_seed(1);
  const rooms::Simulator simulator(box(0.3, 0.1));
  const auto paths = specular_paths(simulator, {1, 1, 1.2}, microphones(2), kSamples, {.order = 2});
  DiffRir model(simulator.surfaces(), kSamples);
  multi_window_loss(model.forward(paths), 0.01 * torch::randn({2, kSamples})).backward();
  for (const auto& entry : model.named_parameters()) {
    const auto gradient = entry.value().grad();
    ASSERT_TRUE(gradient.defined()) << entry.key();
    EXPECT_TRUE(gradient.isfinite().all().item<bool>()) << entry.key();
    EXPECT_GT(gradient.abs().sum().item<double>(), 0) << entry.key();
  }
  EXPECT_TRUE(model.surface_logits.grad().abs().sum({1, 2}).gt(0).all().item<bool>())
      << "each wall is met by some path";
}

TEST(DiffRir, PathsOfOtherSurfacesAreRefused) {
  const rooms::Simulator simulator(box(0.3, 0.1));
  const auto paths = specular_paths(simulator, {1, 1, 1.2}, microphones(2), kSamples, {.order = 1});
  EXPECT_THROW(DiffRir(5, kSamples).forward(paths), ShapeError);
}

/// A box with 12 known microphones and 8 others.
class BoxRooms : public RirRooms {
 public:
  explicit BoxRooms(bool geometry) : geometry_(geometry), scene_(box(0.25, 0.2)) {
    // Each pair of walls of its own.
    scene_.polygons[0].material = scene_.material_index(rooms::Material::flat(0.6, 0.2));
    rooms::SimulateOptions options;
    options.image_order = 4;
    options.rays = 5000;
    std::vector<rooms::Source> sources;
    auto relative = torch::empty({20, 3});
    for (const rooms::Vec3& place : microphones(20)) {
      const rooms::Vec3 way = place - kLoudspeaker;
      relative[static_cast<std::int64_t>(sources.size())] =
          torch::tensor({way.x, way.y, way.z}).to(torch::kFloat32);
      sources.push_back({.position = place});
    }
    auto made = rooms::Simulator(scene_).run(sources, kLoudspeaker, options);
    const auto responses = torch::from_blob(made.waveforms.data(), {20, kSamples}).clone();
    sets_.push_back({"box", "box/R001", torch::zeros({1, 2}), relative, responses});
    sets_.front().known = torch::arange(20).lt(12);
  }

  const ReceiverSets& split(const std::string& name) override {
    return name == "test" ? sets_ : none_;
  }

  std::string fingerprint() const override {
    return "a box";
  }

  Place place(const ReceiverSet& set) const override {
    return geometry_ ? Place{scene_, kLoudspeaker} : RirRooms::place(set);
  }

 private:
  static constexpr rooms::Vec3 kLoudspeaker{1, 1, 1.2};
  bool geometry_;
  rooms::Scene scene_;
  ReceiverSets sets_;
  ReceiverSets none_;
};

struct BoxRoomsConfig {
  bool geometry = true;

  static const config::Schema& schema() {
    static const config::Schema made =
        config::Table<BoxRoomsConfig>("diff_rir_test_box", "a box")
            .field("geometry", &BoxRoomsConfig::geometry, "is known");
    return made;
  }
};

DiffRirTaskConfig box_task(bool geometry = true) {
  register_xrir_once();
  static const bool once = [] {
    Registry<RirRooms>::get().add<BoxRoomsConfig>(
        "diff_rir_test_box", "a box", [](const BoxRoomsConfig& config, const RirRooms::BuildArgs&) {
          return std::make_shared<BoxRooms>(config.geometry);
        });
    return true;
  }();
  static_cast<void>(once);
  DiffRirTaskConfig config;
  config.rooms.name = "diff_rir_test_box";
  auto rooms = std::make_shared<BoxRoomsConfig>();
  rooms->geometry = geometry;
  config.rooms.config = rooms;
  return config;
}

TEST(DiffRirTask, AFitToTwelveResponsesPredictsOthers) {
  torch::manual_seed(1);
  const DiffRirTaskConfig config = box_task();
  DiffRirTask task(config, {.seed = 1, .parents = {}});
  const double before = task.evaluate("valid")[0].second;
  nn::NamedTensors parameters;
  for (const auto& entry : task.module().named_parameters()) {
    parameters.emplace_back(entry.key(), entry.value());
  }
  nn::Optimizer optimizer(parameters, config.optimizer, {{{"residual"}, 0.1, {}}});
  const auto source = task.source();
  constexpr std::int64_t kSteps = 120;
  StepContext context;
  for (context.step = 0; context.step < kSteps; ++context.step) {
    context.rng = Rng(1).stream("step", static_cast<std::uint64_t>(context.step));
    optimizer.zero_grad();
    task.backward(task.loss("main", source->next(), context).total);
    const double share = static_cast<double>(context.step) / kSteps;
    optimizer.step(0.5 + 0.5 * std::cos(share * 3.14159265));
  }
  const double after = task.evaluate("valid")[0].second;
  EXPECT_LT(after, 0.6 * before);

  const auto items = task.evaluate_items("test");
  ASSERT_EQ(items.size(), 8U) << "the microphones that were not known";
  std::map<std::string, double> scores;
  for (const auto& [name, value] : mean_over_items(items)) {
    scores[name] = value;
  }
  // What to beat: the mean of the known log spectrograms, at every place.
  const auto set = BoxRooms(true).split("test").front();
  const auto mean = to_log(magnitudes(set.responses.narrow(0, 0, 12))).mean(0, true);
  const auto waves = to_waveform(mean, 1).expand({8, -1});
  double c50_db = 0;
  double edt_s = 0;
  for (const auto& error :
       response_errors(waves, set.responses.narrow(0, 12, 8), {.mode = dsp::RoomMode::kPaper})) {
    c50_db += error.c50_db.value / 8;
    edt_s += error.edt_s.value / 8;
  }
  RecordProperty("loss_before", format("{}", before));
  RecordProperty("loss_after", format("{}", after));
  std::cout << format(
      "loss {:.3f} -> {:.3f}; C50 {:.3f} dB (mean {:.3f}), EDT {:.4f} s (mean {:.4f}), T60 {:.2f} "
      "%\n",
      before,
      after,
      scores["c50_db"],
      c50_db,
      scores["edt_s"],
      edt_s,
      scores["t60_percent"]);
  EXPECT_EQ(scores.at("scored"), 1);
  EXPECT_LT(scores.at("c50_db"), c50_db);
  EXPECT_LT(scores.at("edt_s"), edt_s);
}

TEST(DiffRir, FitIsAFunctionOfItsArguments) {
  const auto set = BoxRooms(true).split("test").front();
  const rooms::Simulator simulator(BoxRooms(true).place(set).scene);
  const auto all = specular_paths(
      simulator, {1, 1, 1.2}, microphones(20), kSamples, {.order = 2, .sequence_rays = 5000});
  const auto known = torch::arange(12);
  const auto heard = set.responses.narrow(0, 0, 12);
  const auto fitted = [&](std::uint64_t seed, std::int64_t steps) {
    DiffRir model(simulator.surfaces(), kSamples);
    std::int64_t calls = 0;
    fit(model, paths_to(all, known), heard, {}, steps, Rng(seed), [&] { ++calls; });
    EXPECT_EQ(calls, steps);
    const torch::NoGradGuard no_grad;
    return model.forward(all);
  };
  const auto once = fitted(1, 30);
  EXPECT_TRUE(torch::equal(once, fitted(1, 30)));
  EXPECT_FALSE(torch::equal(once, fitted(2, 30)));
  const auto loss = [&](const torch::Tensor& made) {
    return multi_window_loss(made.narrow(0, 0, 12), heard).item<double>();
  };
  EXPECT_LT(loss(once), 0.8 * loss(fitted(1, 0)));
}

TEST(DiffRirTask, PredictsAtPlacesOfTheCallersOwn) {
  torch::manual_seed(1);
  DiffRirTask task(box_task(), {.seed = 1, .parents = {}});
  const auto set = BoxRooms(true).split("test").front();
  TensorDict inputs;
  inputs.set("sources", set.sources.narrow(0, 3, 2));
  const auto relative = task.infer(inputs).tensor("responses");
  EXPECT_TRUE(torch::allclose(relative, task.predict().narrow(0, 3, 2), 0, 1e-6));
  const auto loudspeaker = torch::tensor({1.0, 1.0, 1.2}, torch::kFloat64);
  inputs.set("receiver", loudspeaker);
  inputs.set("sources", set.sources.narrow(0, 3, 2) + loudspeaker);
  EXPECT_TRUE(torch::allclose(relative, task.infer(inputs).tensor("responses"), 0, 1e-4));
  inputs.set("depth", torch::ones({4, 8}));
  EXPECT_THROW(task.infer(inputs), DataError);
}

TEST(DiffRirTask, RoomsWithoutGeometryAreRefused) {
  EXPECT_THROW(DiffRirTask(box_task(false), {.seed = 1, .parents = {}}), ConfigError);
  DiffRirTaskConfig config = box_task();
  config.room = "cellar";
  EXPECT_THROW(DiffRirTask(config, {.seed = 1, .parents = {}}), ConfigError);
}

}  // namespace
}  // namespace mmi::models::xrir
