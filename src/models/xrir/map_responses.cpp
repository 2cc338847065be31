#include "models/xrir/map_responses.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "mmi/base/errors.h"
#include "mmi/base/hash.h"
#include "mmi/base/progress.h"
#include "mmi/models/xrir/baselines.h"
#include "mmi/models/xrir/diff_rir.h"
#include "mmi/models/xrir/spectrum.h"
#include "mmi/worlds/rooms/depth.h"
#include "mmi/worlds/rooms/export.h"
#include "models/xrir/world_rooms.h"

namespace mmi::models::xrir {
namespace {

namespace rooms = worlds::rooms;

using rooms::Vec3;

constexpr std::size_t kAtOnce = 32;  // places a prediction

void check_stop(const std::function<bool()>& stop) {
  MMI_CHECK(Interrupted, !stop(), "interrupted; nothing was written");
}

// (S,3) relative to the receiver.
torch::Tensor relative(const std::vector<Vec3>& places, Vec3 receiver) {
  auto made = torch::empty({std::ssize(places), 3}, torch::kFloat32);
  for (std::size_t i = 0; i < places.size(); ++i) {
    const Vec3 way = places[i] - receiver;
    made[static_cast<std::int64_t>(i)] =
        torch::tensor({way.x, way.y, way.z}, torch::kFloat64).to(torch::kFloat32);
  }
  return made;
}

torch::Tensor simulate(
    const rooms::Simulator& simulator, const MapRoom& room, const std::vector<Vec3>& places) {
  std::vector<rooms::Source> sources;
  for (const Vec3 place : places) {
    sources.push_back({place});
  }
  const rooms::Responses made = simulator.run(sources, room.receiver, room.options);
  return room.scale * torch::tensor(made.waveforms).view({made.sources, made.samples});
}

// Waveforms of all sources but the references, which come first and are all that it hears.
torch::Tensor predict(
    XRirTask& task, const MapRoom& room, const torch::Tensor& sources, std::size_t first) {
  const std::int64_t references = room.responses.size(0);
  const std::int64_t targets = sources.size(0) - references;
  ReceiverSet set;
  set.room = room.world.name();
  set.name = room.name;
  set.depth = room.depth;
  set.sources = sources;
  set.responses = torch::cat({room.responses, torch::zeros({targets, room.responses.size(1)})});
  set.known = torch::arange(sources.size(0)) < references;
  const auto chosen = torch::arange(references).expand({sources.size(0), references});
  const std::uint64_t seed =
      Rng(fnv1a64(set.name)).stream("phases", static_cast<std::uint64_t>(first)).next_u64();
  return to_waveform(task.predict(set, chosen).narrow(0, references, targets), seed).contiguous();
}

/// Diff-RIR, fitted to the references.
class Renderer {
 public:
  Renderer(
      const rooms::Simulator& simulator,
      const MapRoom& room,
      std::int64_t steps,
      const std::function<bool()>& stop)
      : simulator_(simulator), room_(room), model_(simulator.surfaces(), room.responses.size(1)) {
    Progress bar("fitting Diff-RIR", steps);
    fit(model_,
        paths(room.references),
        room.responses,
        config_,
        steps,
        Rng(fnv1a64(room.name)).stream("diff_rir"),
        [&] {
          check_stop(stop);
          bar.advance();
        });
  }

  torch::Tensor at(const std::vector<Vec3>& places) {
    const torch::NoGradGuard no_grad;
    return model_.forward(paths(places)).contiguous();
  }

 private:
  SpecularPaths paths(const std::vector<Vec3>& places) const {
    return specular_paths(simulator_, room_.receiver, places, room_.responses.size(1), config_);
  }

  const rooms::Simulator& simulator_;
  const MapRoom& room_;
  DiffRirConfig config_;
  DiffRir model_;
};

}  // namespace

MapRoom make_map_room(
    const XRirTask& task, std::int64_t number, std::int64_t receiver, std::int64_t references) {
  const XRirTaskConfig& config = task.config();
  const auto& world = *static_cast<const WorldRoomsConfig*>(config.rooms.config.get());
  MMI_CHECK(
      ConfigError,
      receiver <= world.receivers,
      "receiver={}, but the rooms of this run have receivers 1 to {}",
      receiver,
      world.receivers);
  MMI_CHECK(
      ConfigError,
      references <= world.sources,
      "references={}, but the rooms of this run have {} sources",
      references,
      world.sources);
  MapRoom room;
  room.world =
      rooms::make_room(world.seed, kFirstTestRoom + number, world.sources, world.receivers);
  room.options.rays = static_cast<int>(world.rays);
  room.options.samples = config.samples;
  room.name = format("{}/R{:03d}", room.world.name(), receiver);
  room.receiver = room.world.receivers[static_cast<std::size_t>(receiver - 1)];
  room.depth = rooms::DepthRenderer(room.world.scene)
                   .depth(room.receiver, config.model.map_height(), config.model.map_width());
  const rooms::RoomResponses made = rooms::simulate_room(room.world, room.options);
  room.scale = made.scale;
  // Fewer references are the first of more.
  room.numbers.resize(static_cast<std::size_t>(world.sources));
  std::iota(room.numbers.begin(), room.numbers.end(), std::int64_t{0});
  Rng(fnv1a64(room.name)).stream("references").shuffle(room.numbers);
  room.numbers.resize(static_cast<std::size_t>(references));
  room.responses = torch::empty({references, made.samples});
  for (std::int64_t k = 0; k < references; ++k) {
    const std::int64_t source = room.numbers[static_cast<std::size_t>(k)];
    room.references.push_back(room.world.sources[static_cast<std::size_t>(source)]);
    const float* const samples = made.waveform(receiver - 1, source);
    std::copy_n(samples, made.samples, room.responses[k].data_ptr<float>());
  }
  return room;
}

std::vector<MapPoint> listen(
    XRirTask& task,
    const MapRoom& room,
    const std::vector<Vec3>& grid,
    std::int64_t diff_rir_steps,
    const std::function<bool()>& stop) {
  const RirRooms::Measured measured = task.rooms().measured();
  const dsp::RoomMeasureConfig paper{.mode = dsp::RoomMode::kPaper, .t60_db = measured.t60_db};
  // What a row of (S,N) sounds like; levels count without the room's scale.
  const auto hear_row = [&](const torch::Tensor& responses, std::int64_t row) {
    const auto count = static_cast<std::size_t>(std::min(measured.samples, responses.size(1)));
    Heard heard = hear(
        {responses.const_data_ptr<float>() + row * responses.size(1), count},
        static_cast<std::int64_t>(kSampleRateHz),
        paper);
    heard.level_db -= 20 * std::log10(room.scale);
    return heard;
  };
  const rooms::Simulator simulator(room.world.scene);
  const auto known = relative(room.references, room.receiver);
  const std::int64_t references = known.size(0);
  std::vector<Heard> heard;
  for (std::int64_t k = 0; k < references; ++k) {
    heard.push_back(hear_row(room.responses, k));
  }
  std::unique_ptr<Renderer> renderer;
  if (diff_rir_steps > 0) {
    renderer = std::make_unique<Renderer>(simulator, room, diff_rir_steps, stop);
  }
  std::vector<MapPoint> points;
  Progress bar("simulating and predicting", std::ssize(grid));
  for (std::size_t first = 0; first < grid.size(); first += kAtOnce) {
    check_stop(stop);
    const std::vector<Vec3> places(
        grid.begin() + static_cast<std::ptrdiff_t>(first),
        grid.begin() + static_cast<std::ptrdiff_t>(std::min(grid.size(), first + kAtOnce)));
    const auto count = std::ssize(places);
    const auto truth = simulate(simulator, room, places);
    const auto sources = relative(places, room.receiver);
    const auto predicted = predict(task, room, torch::cat({known, sources}), first);
    const auto rendered = renderer ? renderer->at(places) : torch::Tensor();
    const auto nearest = nearest_reference(sources, known.expand({count, references, 3}));
    for (std::int64_t i = 0; i < count; ++i) {
      const auto k = nearest[i].item<std::int64_t>();
      MapPoint point{
          places[static_cast<std::size_t>(i)],
          k,
          hear_row(truth, i),
          hear_row(predicted, i),
          heard[static_cast<std::size_t>(k)],
          {}};
      if (renderer) {
        point.fitted = hear_row(rendered, i);
      }
      points.push_back(point);
    }
    bar.advance(count);
  }
  return points;
}

}  // namespace mmi::models::xrir
