#include <algorithm>
#include <cmath>
#include <tuple>

#include "mmi/base/errors.h"
#include "mmi/base/progress.h"
#include "mmi/io/image.h"
#include "models/xrir/rooms_grid.h"
#include "models/xrir/rooms_plan.h"
#include "models/xrir/rooms_tools.h"

namespace mmi::models::xrir {
namespace {

namespace rooms = worlds::rooms;

constexpr std::size_t kAtOnce = 128;  // grid points a call: bars move, memory stays small

/// What is known at a grid point.
struct Point : Heard {
  Vec3 place;
  bool visible;
};

class RoomsMap : public Tool {
 public:
  explicit RoomsMap(const RoomsMapConfig& config) : config_(config) {}

  std::string usage() const override {
    return "<scene> --out FILE.png|FILE.csv source=[x,y,z]";
  }

  std::string examples() const override {
    return "mmi rooms map configs/xrir/rooms/l_shaped.yaml --out c50.png source=[1,1,1.5]\n"
           "mmi rooms map room.obj --out level.png source=[1,1,1.5] measure=level_db spacing=0.1";
  }

  ToolResult run(const ToolCall& call) override {
    const bool picture = call.out.extension() == ".png";
    MMI_CHECK(
        ConfigError,
        call.inputs.size() == 1 && (picture || call.out.extension() == ".csv"),
        "mmi rooms map takes a scene and --out FILE.png (with FILE.csv beside it) or FILE.csv");
    MMI_CHECK(
        ConfigError,
        config_.source.at.size() == 1,
        "mmi rooms map needs one source=[x,y,z], not {}",
        config_.source.at.size());
    MMI_CHECK(
        NotBuiltError,
        has_pictures() || !picture,
        "this build draws no pictures (MMI_MEDIA is off): use --out FILE.csv");
    const rooms::Scene scene = open_scene(call.inputs[0], config_);
    const Vec3 source = config_.source.at[0];
    require_air(scene, source, "the source");
    const std::vector<Vec3> grid =
        floor_grid(scene, config_.spacing, config_.z, config_.margin, source);
    const std::vector<Point> heard = listen(scene, source, grid, call);
    ToolResult result = summary(heard);
    Outputs outputs;
    if (picture) {
      outputs.add(
          call.out,
          io::encode_image(draw(scene, source, heard, call).image(), ".png"),
          title_of(config_.measure));
    }
    auto table = call.out;
    outputs.add(table.replace_extension(".csv"), csv(heard), "every point with all measures");
    outputs.write(result);
    return result;
  }

 private:
  // By reciprocity the rays start at the source and the grid points take its role.
  std::vector<Point> listen(
      const rooms::Scene& scene,
      Vec3 source,
      const std::vector<Vec3>& grid,
      const ToolCall& call) const {
    const rooms::Simulator simulator(scene);
    const int rate = whole_rate(config_.sample_rate_hz);
    std::vector<Point> heard;
    Progress bar("simulating", static_cast<std::int64_t>(grid.size()));
    for (std::size_t first = 0; first < grid.size(); first += kAtOnce) {
      std::vector<rooms::Source> places;
      for (std::size_t i = first; i < std::min(grid.size(), first + kAtOnce); ++i) {
        places.push_back({grid[i]});
      }
      const rooms::Responses responses = simulator.run(places, source, config_);
      for (std::size_t i = 0; i < places.size(); ++i) {
        MMI_CHECK(Interrupted, !call.stop(), "interrupted; nothing was written");
        const std::span<const float> samples(
            responses.waveform(static_cast<std::int64_t>(i)),
            static_cast<std::size_t>(responses.samples));
        heard.push_back({hear(samples, rate), places[i].position, responses.visible[i]});
      }
      bar.advance(static_cast<std::int64_t>(places.size()));
    }
    return heard;
  }

  std::vector<double> values(const std::vector<Point>& heard) const {
    std::vector<double> found;
    for (const Point& one : heard) {
      if (std::isfinite(one.value(config_.measure))) {
        found.push_back(one.value(config_.measure));
      }
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  ToolResult summary(const std::vector<Point>& heard) const {
    ToolResult result;
    const std::vector<double> found = values(heard);
    const std::string name = name_of(config_.measure);
    result.values = {
        {"points", static_cast<double>(heard.size())},
        {"points_with_value", static_cast<double>(found.size())}};
    if (!found.empty()) {
      result.values.emplace_back("lowest_" + name, found.front());
      result.values.emplace_back("median_" + name, found[found.size() / 2]);
      result.values.emplace_back("highest_" + name, found.back());
    }
    return result;
  }

  static std::string csv(const std::vector<Point>& heard) {
    std::string text =
        "x_m,y_m,z_m,direct_sound,level_db,c50_db,c50_status,edt_s,edt_status,t20_s,t20_status\n";
    const auto add = [&](const dsp::RoomMeasure& measure) {
      text += format(
          ",{},{}",
          measure.has_value() ? format("{:.5g}", measure.value) : "",
          dsp::to_string(measure.status));
    };
    for (const Point& one : heard) {
      text += format(
          "{:.4f},{:.4f},{:.4f},{},{:.4f}",
          one.place.x,
          one.place.y,
          one.place.z,
          one.visible ? 1 : 0,
          one.level_db);
      add(one.measures.c50_db);
      add(one.measures.edt_s);
      add(one.measures.t20_s);
      text += "\n";
    }
    return text;
  }

  io::Canvas draw(
      const rooms::Scene& scene,
      Vec3 source,
      const std::vector<Point>& heard,
      const ToolCall& call) const {
    FloorMap map;
    map.title = title_of(config_.measure);
    map.subtitle = format(
        "{}, z = {:g} m, source at {}",
        call.inputs[0].filename().string(),
        config_.z,
        text_of(source));
    map.unit = unit_of(config_.measure);
    map.spacing = config_.spacing;
    map.z = config_.z;
    map.source = source;
    for (const Point& one : heard) {
      map.cells.push_back({one.place, one.value(config_.measure)});
    }
    std::vector<double> found = values(heard);
    std::tie(map.low, map.high) = colour_range(found);
    return draw_floor_map(scene, map);
  }

  RoomsMapConfig config_;
};

}  // namespace

const config::Schema& RoomsMapConfig::schema() {
  using C = RoomsMapConfig;
  static const config::Schema made = [] {
    auto table = scene_table<C>("rooms/map", "a measure over the floor");
    table.field("source", &C::source, "where sound comes from, in metres")
        .field("measure", &C::measure, "what the colours show")
        .field("spacing", &C::spacing, "of the grid, in metres", config::between(0.01, 10))
        .field("z", &C::z, "height of the ears, in metres")
        .field("margin", &C::margin, "metres between points and surfaces", config::between(0, 100));
    simulate_fields(table);
    return config::Schema(table);
  }();
  return made;
}

std::shared_ptr<Tool> make_rooms_map(const RoomsMapConfig& config) {
  return std::make_shared<RoomsMap>(config);
}

}  // namespace mmi::models::xrir
