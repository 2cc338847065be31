#include "models/xrir/acoustic_map.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <tuple>

#include "mmi/base/errors.h"
#include "mmi/io/image.h"
#include "models/xrir/map_responses.h"
#include "models/xrir/rooms_plan.h"
#include "models/xrir/rooms_settings.h"

namespace mmi::models::xrir {
namespace {

constexpr double kMargin = 0.3;                              // m between points and surfaces
constexpr std::array kNames{"xrir", "nearest", "diff_rir"};  // of figures and columns
constexpr std::array kTitles{"xRIR", "nearest", "Diff-RIR"};

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
    const MapRoom room = make_map_room(*task, config_.room, config_.receiver, config_.references);
    const std::vector<MapPoint> points = listen(
        *task,
        room,
        floor_grid(room.world.scene, config_.step, config_.height, kMargin, room.receiver),
        config_.diff_rir,
        call.stop);
    ToolResult result = summary(room, points);
    Outputs outputs;
    if (has_pictures()) {
      outputs.add(
          call.out / "map.png",
          io::encode_image(draw(room, points, result).image(), ".png"),
          title_of(config_.measure) + ": truth, xRIR, nearest neighbour, Diff-RIR, error");
    }
    outputs.add(call.out / "map.csv", csv(room, points), "every point with all measures");
    outputs.write(result);
    return result;
  }

 private:
  // What says something at a point, in the order of the picture; the truth comes first.
  std::vector<const Heard*> heard(const MapPoint& point) const {
    std::vector<const Heard*> all{&point.truth, &point.predicted, &point.guessed};
    if (point.fitted) {
      all.push_back(&*point.fitted);
    }
    return all;
  }

  // Of each that says something its values at the points where all have one.
  std::vector<std::vector<double>> values(const std::vector<MapPoint>& points) const {
    std::vector<std::vector<double>> found(heard(points.at(0)).size());
    for (const MapPoint& point : points) {
      std::vector<double> all;
      for (const Heard* one : heard(point)) {
        all.push_back(one->value(config_.measure));
      }
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

  ToolResult summary(const MapRoom& room, const std::vector<MapPoint>& points) const {
    const std::vector<std::vector<double>> all_values = values(points);
    std::vector<Score> scores;
    for (std::size_t i = 1; i < all_values.size(); ++i) {
      scores.push_back(score(all_values[i], all_values[0]));
    }
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
        {"points_with_value", static_cast<double>(all_values[0].size())}};
    for (std::size_t i = 0; i < scores.size(); ++i) {
      result.values.emplace_back(std::string("mae_") + kNames[i], scores[i].mae);
    }
    for (std::size_t i = 0; i < scores.size(); ++i) {
      result.values.emplace_back(std::string("rho_") + kNames[i], scores[i].rho);
    }
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

  std::string csv(const MapRoom& room, const std::vector<MapPoint>& points) const {
    std::string text = "x_m,y_m,z_m,nearest_source";
    for (const auto& [name, measure] : config::EnumNames<MapMeasure>::names) {
      text += format(",{}", name);
      for (std::size_t i = 1; i < heard(points.at(0)).size(); ++i) {
        text += format(",{}_{}", name, kNames[i - 1]);
      }
    }
    text += "\n";
    for (const MapPoint& point : points) {
      text += format(
          "{:.4f},{:.4f},{:.4f},{}",
          point.place.x,
          point.place.y,
          point.place.z,
          room.numbers[static_cast<std::size_t>(point.nearest)] + 1);
      for (const auto& [name, measure] : config::EnumNames<MapMeasure>::names) {
        for (const Heard* one : heard(point)) {
          const double value = one->value(measure);
          text += std::isfinite(value) ? format(",{:.5g}", value) : ",";
        }
      }
      text += "\n";
    }
    return text;
  }

  io::Canvas draw(
      const MapRoom& room, const std::vector<MapPoint>& points, const ToolResult& result) const {
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
    row.parts = {{"truth", {}}};
    const std::size_t rows = heard(points.at(0)).size() - 1;
    for (std::size_t i = 0; i < rows; ++i) {
      const double mae = result.values[2 + i].second;
      const double rho = result.values[2 + rows + i].second;
      row.parts.push_back(
          {format("{}: MAE {:.3g} {}, rho {:.2f}", kTitles[i], mae, unit, rho), {}});
    }
    row.error.title = "|xRIR - truth|";
    for (const MapPoint& point : points) {
      const std::vector<const Heard*> all = heard(point);
      for (std::size_t i = 0; i < all.size(); ++i) {
        row.parts[i].cells.push_back({point.place, all[i]->value(config_.measure)});
      }
      row.error.cells.push_back(
          {point.place,
           std::abs(point.predicted.value(config_.measure) - point.truth.value(config_.measure))});
    }
    std::vector<double> all;
    for (const auto& part : values(points)) {
      all.insert(all.end(), part.begin(), part.end());
    }
    std::tie(row.low, row.high) = colour_range(all);
    return draw_floor_row(room.world.scene, row);
  }

  AcousticMapConfig config_;
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
          .field("height", &C::height, "of the source places, in metres")
          .field(
              "diff_rir",
              &C::diff_rir,
              "steps that fit Diff-RIR to the references; 0: a map without it",
              config::between(0, 100'000));
  return made;
}

std::shared_ptr<Tool> make_acoustic_map(const AcousticMapConfig& config) {
  return std::make_shared<AcousticMap>(config);
}

void register_acoustic_map() {
  Registry<Tool>::get().add<AcousticMapConfig>(
      "xrir/map",
      "clarity, reverberation or level over an unseen room: truth, network, baselines",
      [](const AcousticMapConfig& config, const Tool::BuildArgs&) {
        return make_acoustic_map(config);
      });
}

}  // namespace mmi::models::xrir
