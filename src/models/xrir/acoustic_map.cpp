#include "models/xrir/acoustic_map.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <tuple>

#include "mmi/base/errors.h"
#include "mmi/base/hash.h"
#include "mmi/base/progress.h"
#include "mmi/io/image.h"
#include "mmi/models/xrir/baselines.h"
#include "mmi/models/xrir/response_task.h"
#include "mmi/models/xrir/spectrum.h"
#include "mmi/worlds/rooms/depth.h"
#include "mmi/worlds/rooms/export.h"
#include "models/xrir/rooms_plan.h"
#include "models/xrir/rooms_settings.h"
#include "models/xrir/world_rooms.h"

namespace mmi::models::xrir {
namespace {

namespace rooms = worlds::rooms;

constexpr std::size_t kAtOnce = 32;  // grid points a prediction
constexpr double kMargin = 0.3;      // m between points and surfaces

/// A room as the run's scores see it: responses at the level that the whole room has.
struct Room {
  rooms::WorldRoom world;
  rooms::SimulateOptions options;
  double scale = 1;
  Vec3 receiver;
  torch::Tensor depth;
  std::vector<std::int64_t> numbers;  ///< of the references, from 0
  std::vector<Vec3> references;
  torch::Tensor responses;  ///< (K,N) of the references
};

/// What is known at a grid point.
struct Point {
  Vec3 place;
  std::int64_t nearest = 0;  ///< which of the references
  Heard truth;
  Heard predicted;
  Heard guessed;  ///< the nearest reference
};

/// Errors over the points for which all three have a value.
struct Score {
  double mae = std::numeric_limits<double>::quiet_NaN();
  double rho = std::numeric_limits<double>::quiet_NaN();
};

std::vector<double> ranks(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return values[a] < values[b];
  });
  std::vector<double> rank(values.size());
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first;
    while (last + 1 < order.size() && values[order[last + 1]] == values[order[first]]) {
      ++last;
    }
    for (std::size_t i = first; i <= last; ++i) {
      rank[order[i]] = 0.5 * static_cast<double>(first + last);
    }
    first = last + 1;
  }
  return rank;
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

class AcousticMap : public Tool {
 public:
  explicit AcousticMap(const AcousticMapConfig& config) : config_(config) {}

  std::string usage() const override {
    return "<run of xrir/xrir> --out DIR";
  }

  std::string examples() const override {
    return "mmi xrir map runs/xrir/xrir-0123456789ab --out map\n"
           "mmi xrir map runs/xrir/xrir-0123456789ab --out map room=3 measure=t20_s step=0.25";
  }

  ToolResult run(const ToolCall& call) override {
    MMI_CHECK(
        ConfigError,
        call.inputs.size() == 1 && !call.out.empty(),
        "mmi xrir map takes a run of xrir/xrir and --out DIR");
    const auto opened = call.open(call.inputs[0].string());
    auto* task = dynamic_cast<XRirTask*>(opened.get());
    MMI_CHECK(
        ConfigError,
        task != nullptr && task->config().rooms.name == "room_world",
        "mmi xrir map takes a run of xrir/xrir whose rooms are a room_world: {} is none",
        call.inputs[0].string());
    const RirRooms::Measured measured = task->rooms().measured();
    measured_samples_ = measured.samples;
    paper_ = {.mode = dsp::RoomMode::kPaper, .t60_db = measured.t60_db};
    const Room room = make_room(*task);
    const std::vector<Point> points = listen(*task, room, call);
    ToolResult result = summary(room, points);
    Outputs outputs;
    if (has_pictures()) {
      outputs.add(
          call.out / "map.png",
          io::encode_image(draw(room, points, result).image(), ".png"),
          title_of(config_.measure) + ": truth, xRIR, nearest neighbour, error");
    }
    outputs.add(call.out / "map.csv", csv(room, points), "every point with all measures");
    outputs.write(result);
    return result;
  }

 private:
  Room make_room(const XRirTask& task) const {
    const XRirTaskConfig& config = task.config();
    const auto& world = *static_cast<const WorldRoomsConfig*>(config.rooms.config.get());
    MMI_CHECK(
        ConfigError,
        config_.receiver <= world.receivers,
        "receiver={}, but the rooms of this run have receivers 1 to {}",
        config_.receiver,
        world.receivers);
    MMI_CHECK(
        ConfigError,
        config_.references <= world.sources,
        "references={}, but the rooms of this run have {} sources",
        config_.references,
        world.sources);
    Room room;
    room.world =
        rooms::make_room(world.seed, kFirstTestRoom + config_.room, world.sources, world.receivers);
    room.options.rays = static_cast<int>(world.rays);
    room.options.samples = config.samples;
    room.receiver = room.world.receivers[static_cast<std::size_t>(config_.receiver - 1)];
    room.depth = rooms::DepthRenderer(room.world.scene)
                     .depth(room.receiver, config.model.map_height(), config.model.map_width());
    const rooms::RoomResponses made = rooms::simulate_room(room.world, room.options);
    room.scale = made.scale;
    // Fewer references are the first of more.
    room.numbers.resize(static_cast<std::size_t>(world.sources));
    std::iota(room.numbers.begin(), room.numbers.end(), std::int64_t{0});
    Rng(fnv1a64(name_of(room))).stream("references").shuffle(room.numbers);
    room.numbers.resize(static_cast<std::size_t>(config_.references));
    room.responses = torch::empty({config_.references, made.samples});
    for (std::int64_t k = 0; k < config_.references; ++k) {
      const std::int64_t source = room.numbers[static_cast<std::size_t>(k)];
      room.references.push_back(room.world.sources[static_cast<std::size_t>(source)]);
      const float* const samples = made.waveform(config_.receiver - 1, source);
      std::copy_n(samples, made.samples, room.responses[k].data_ptr<float>());
    }
    return room;
  }

  std::string name_of(const Room& room) const {
    return format("{}/R{:03d}", room.world.name(), config_.receiver);
  }

  // What a row of (S,N) sounds like; levels count without the room's scale.
  Heard hear_row(const torch::Tensor& responses, std::int64_t row, double scale) const {
    const auto count = static_cast<std::size_t>(std::min(measured_samples_, responses.size(1)));
    Heard heard = hear(
        {responses.const_data_ptr<float>() + row * responses.size(1), count},
        static_cast<std::int64_t>(kSampleRateHz),
        paper_);
    heard.level_db -= 20 * std::log10(scale);
    return heard;
  }

  std::vector<Point> listen(XRirTask& task, const Room& room, const ToolCall& call) const {
    const std::vector<Vec3> grid =
        floor_grid(room.world.scene, config_.step, config_.height, kMargin, room.receiver);
    const rooms::Simulator simulator(room.world.scene);
    const auto known = relative(room.references, room.receiver);
    const std::int64_t references = known.size(0);
    std::vector<Heard> measured;
    for (std::int64_t k = 0; k < references; ++k) {
      measured.push_back(hear_row(room.responses, k, room.scale));
    }
    std::vector<Point> points;
    Progress bar("simulating and predicting", std::ssize(grid));
    for (std::size_t first = 0; first < grid.size(); first += kAtOnce) {
      MMI_CHECK(Interrupted, !call.stop(), "interrupted; nothing was written");
      const std::vector<Vec3> places(
          grid.begin() + static_cast<std::ptrdiff_t>(first),
          grid.begin() + static_cast<std::ptrdiff_t>(std::min(grid.size(), first + kAtOnce)));
      const auto count = std::ssize(places);
      const auto truth = simulate(simulator, room, places);
      const auto sources = relative(places, room.receiver);
      const auto predicted = predict(task, room, torch::cat({known, sources}), first);
      const auto nearest = nearest_reference(sources, known.expand({count, references, 3}));
      for (std::int64_t i = 0; i < count; ++i) {
        const auto k = nearest[i].item<std::int64_t>();
        points.push_back(
            {places[static_cast<std::size_t>(i)],
             k,
             hear_row(truth, i, room.scale),
             hear_row(predicted, i, room.scale),
             measured[static_cast<std::size_t>(k)]});
      }
      bar.advance(count);
    }
    return points;
  }

  static torch::Tensor simulate(
      const rooms::Simulator& simulator, const Room& room, const std::vector<Vec3>& places) {
    std::vector<rooms::Source> sources;
    for (const Vec3 place : places) {
      sources.push_back({place});
    }
    const rooms::Responses made = simulator.run(sources, room.receiver, room.options);
    return room.scale * torch::tensor(made.waveforms).view({made.sources, made.samples});
  }

  // Waveforms of all sources but the references, which come first and are all that it hears.
  torch::Tensor predict(
      XRirTask& task, const Room& room, const torch::Tensor& sources, std::size_t first) const {
    const std::int64_t references = room.responses.size(0);
    const std::int64_t targets = sources.size(0) - references;
    ReceiverSet set;
    set.room = room.world.name();
    set.name = name_of(room);
    set.depth = room.depth;
    set.sources = sources;
    set.responses = torch::cat({room.responses, torch::zeros({targets, room.responses.size(1)})});
    set.known = torch::arange(sources.size(0)) < references;
    const auto chosen = torch::arange(references).expand({sources.size(0), references});
    const std::uint64_t seed =
        Rng(fnv1a64(set.name)).stream("phases", static_cast<std::uint64_t>(first)).next_u64();
    return to_waveform(task.predict(set, chosen).narrow(0, references, targets), seed).contiguous();
  }

  // Truth, prediction and guess where all have a value.
  std::array<std::vector<double>, 3> values(const std::vector<Point>& points) const {
    std::array<std::vector<double>, 3> found;
    for (const Point& point : points) {
      const std::array all{
          point.truth.value(config_.measure),
          point.predicted.value(config_.measure),
          point.guessed.value(config_.measure)};
      if (std::all_of(all.begin(), all.end(), [](double x) { return std::isfinite(x); })) {
        for (std::size_t i = 0; i < all.size(); ++i) {
          found[i].push_back(all[i]);
        }
      }
    }
    return found;
  }

  static Score score(const std::vector<double>& ours, const std::vector<double>& truth) {
    double sum = 0;
    for (std::size_t i = 0; i < truth.size(); ++i) {
      sum += std::abs(ours[i] - truth[i]);
    }
    return {sum / static_cast<double>(truth.size()), rank_correlation(ours, truth)};
  }

  ToolResult summary(const Room& room, const std::vector<Point>& points) const {
    const auto [truth, predicted, guessed] = values(points);
    const Score network = score(predicted, truth);
    const Score nearest = score(guessed, truth);
    ToolResult result;
    result.lines = {format(
        "{} of room {} ({}), receiver {} at {}, {} references",
        xrir::name_of(config_.measure),
        config_.room,
        room.world.name(),
        config_.receiver,
        text_of(room.receiver),
        room.references.size())};
    if (!has_pictures()) {
      result.lines.emplace_back("this build draws no pictures (MMI_MEDIA is off)");
    }
    result.values = {
        {"points", static_cast<double>(points.size())},
        {"points_with_value", static_cast<double>(truth.size())},
        {"mae_xrir", network.mae},
        {"mae_nearest", nearest.mae},
        {"rho_xrir", network.rho},
        {"rho_nearest", nearest.rho}};
    nlohmann::ordered_json all = {
        {"room", room.world.name()},
        {"receiver", json_of(room.receiver)},
        {"measure", xrir::name_of(config_.measure)},
        {"references", nlohmann::ordered_json::array()}};
    for (std::size_t k = 0; k < room.references.size(); ++k) {
      all["references"].push_back(
          {{"source", room.numbers[k] + 1}, {"position", json_of(room.references[k])}});
    }
    result.json = all.dump();
    return result;
  }

  static std::string csv(const Room& room, const std::vector<Point>& points) {
    std::string text = "x_m,y_m,z_m,nearest_source";
    for (const auto& [name, measure] : config::EnumNames<MapMeasure>::names) {
      text += format(",{},{}_xrir,{}_nearest", name, name, name);
    }
    text += "\n";
    for (const Point& point : points) {
      text += format(
          "{:.4f},{:.4f},{:.4f},{}",
          point.place.x,
          point.place.y,
          point.place.z,
          room.numbers[static_cast<std::size_t>(point.nearest)] + 1);
      for (const auto& [name, measure] : config::EnumNames<MapMeasure>::names) {
        for (const Heard* heard : {&point.truth, &point.predicted, &point.guessed}) {
          const double value = heard->value(measure);
          text += std::isfinite(value) ? format(",{:.5g}", value) : ",";
        }
      }
      text += "\n";
    }
    return text;
  }

  io::Canvas draw(
      const Room& room, const std::vector<Point>& points, const ToolResult& result) const {
    const auto figure = [&](std::size_t at) { return result.values[at].second; };
    const std::string unit = unit_of(config_.measure);
    FloorRow row;
    row.title = format("{} of {}", title_of(config_.measure), room.world.name());
    row.subtitle = format(
        "unseen room {}, sources at z = {:g} m, receiver {} at {}, {} references",
        config_.room,
        config_.height,
        config_.receiver,
        text_of(room.receiver),
        room.references.size());
    row.unit = unit;
    row.spacing = config_.step;
    row.z = config_.height;
    row.receiver = room.receiver;
    row.references = room.references;
    row.parts = {{"truth", {}}, {"", {}}, {"", {}}};
    row.parts[1].title = format("xRIR: MAE {:.3g} {}, rho {:.2f}", figure(2), unit, figure(4));
    row.parts[2].title = format("nearest: MAE {:.3g} {}, rho {:.2f}", figure(3), unit, figure(5));
    row.error.title = "|xRIR - truth|";
    for (const Point& point : points) {
      const double truth = point.truth.value(config_.measure);
      const double predicted = point.predicted.value(config_.measure);
      row.parts[0].cells.push_back({point.place, truth});
      row.parts[1].cells.push_back({point.place, predicted});
      row.parts[2].cells.push_back({point.place, point.guessed.value(config_.measure)});
      row.error.cells.push_back({point.place, std::abs(predicted - truth)});
    }
    std::vector<double> all;
    for (const auto& part : values(points)) {
      all.insert(all.end(), part.begin(), part.end());
    }
    std::tie(row.low, row.high) = colour_range(all);
    return draw_floor_row(room.world.scene, row);
  }

  AcousticMapConfig config_;
  dsp::RoomMeasureConfig paper_;
  std::int64_t measured_samples_ = 0;
};

}  // namespace

double rank_correlation(const std::vector<double>& a, const std::vector<double>& b) {
  MMI_CHECK(
      ShapeError,
      a.size() == b.size(),
      "ranks of {} and of {} values cannot be compared",
      a.size(),
      b.size());
  const std::vector<double> x = ranks(a);
  const std::vector<double> y = ranks(b);
  const double mean = 0.5 * (static_cast<double>(a.size()) - 1);
  double xy = 0;
  double xx = 0;
  double yy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - mean) * (y[i] - mean);
    xx += (x[i] - mean) * (x[i] - mean);
    yy += (y[i] - mean) * (y[i] - mean);
  }
  return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : std::numeric_limits<double>::quiet_NaN();
}

const config::Schema& AcousticMapConfig::schema() {
  using C = AcousticMapConfig;
  static const config::Schema made =
      config::Table<C>("xrir/map", "a measure over the floor of an unseen room")
          .field(
              "room",
              &C::room,
              "number among the rooms that training does not see",
              config::between(0, 99'999))
          .field("receiver", &C::receiver, "number in the room", config::between(1, 200))
          .field(
              "references", &C::references, "measured sources of the room", config::between(1, 64))
          .field("measure", &C::measure, "what the colours and the figures show")
          .field("step", &C::step, "between source places, in metres", config::between(0.05, 10))
          .field("height", &C::height, "of the source places, in metres");
  return made;
}

std::shared_ptr<Tool> make_acoustic_map(const AcousticMapConfig& config) {
  return std::make_shared<AcousticMap>(config);
}

void register_acoustic_map() {
  Registry<Tool>::get().add<AcousticMapConfig>(
      "xrir/map",
      "clarity, reverberation or level over an unseen room: truth, network, nearest",
      [](const AcousticMapConfig& config, const Tool::BuildArgs&) {
        return make_acoustic_map(config);
      });
}

}  // namespace mmi::models::xrir
