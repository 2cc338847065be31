#include <algorithm>
#include <cmath>
#include <numeric>

#include "mmi/base/errors.h"
#include "mmi/base/progress.h"
#include "mmi/base/version.h"
#include "mmi/io/audio.h"
#include "models/xrir/rooms_picture.h"
#include "models/xrir/rooms_tools.h"

namespace mmi::models::xrir {
namespace {

namespace fs = std::filesystem;
namespace rooms = worlds::rooms;

constexpr std::size_t kMostPairs = 10'000;
constexpr std::size_t kShownPairs = 20;

/// A response with what is told of it.
struct Pair {
  std::size_t source;
  std::size_t receiver;
  double distance_m;
  bool visible;
  std::span<const float> samples;
  dsp::RoomMeasures measures;
};

class RoomsSimulate : public Tool {
 public:
  explicit RoomsSimulate(const RoomsSimulateConfig& config) : config_(config) {}

  std::string usage() const override {
    return "<scene> --out PATH source=[x,y,z] receiver=[x,y,z]";
  }

  std::string examples() const override {
    return "mmi rooms simulate configs/xrir/rooms/living_room.yaml --out rir.wav \\\n"
           "  source=[1,1,1.5] receiver=[4.5,2.5,1.2] samples=22050\n"
           "mmi rooms simulate room.obj --out responses rays=50000 seed=7 \\\n"
           "  source=[[1,1,1.5],[2,1,1.5]] receiver=[[4,3,1.2],[4,2,1.2]]\n"
           "mmi rooms simulate room.obj --out cardioid.wav omni=0.5 facing=[1,0,0] \\\n"
           "  source=[1,1,1.5] receiver=[4,3,1.2]";
  }

  ToolResult run(const ToolCall& call) override {
    check(call);
    const int rate = whole_rate(config_.sample_rate_hz);
    const rooms::Scene scene = open_scene(call.inputs[0], config_);
    for (const Vec3 place : config_.source.at) {
      require_air(scene, place, "a source");
    }
    for (const Vec3 place : config_.receiver.at) {
      require_air(scene, place, "a receiver");
    }
    const rooms::Simulator simulator(scene);
    const auto responses = simulate(simulator, call);
    std::vector<Pair> pairs = pairs_of(responses);
    for (Pair& pair : pairs) {
      pair.measures = dsp::room_measures(pair.samples, rate);
    }
    ToolResult result;
    describe(scene, pairs, rate, result);
    Outputs outputs;
    for (const Pair& pair : pairs) {
      const io::Audio audio{rate, 1, {pair.samples.begin(), pair.samples.end()}};
      outputs.add(
          file_of(pair, call.out),
          io::encode_wav(audio, io::WavType::kFloat32),
          format(
              "{} to {}",
              text_of(config_.source.at[pair.source]),
              text_of(config_.receiver.at[pair.receiver])));
    }
    fs::path told = names_file(call.out) ? call.out : call.out / "simulation.json";
    outputs.add(
        told.replace_extension(".json"),
        json_of_run(call, scene, pairs).dump(1) + "\n",
        "positions, options and measures");
    if (has_pictures() && config_.picture) {
      fs::path picture = file_of(pairs[0], call.out);
      outputs.add(
          picture.replace_extension(".png"),
          io::encode_image(draw(simulator, pairs[0], call).image(), ".png"),
          pairs.size() == 1 ? "the response in pictures" : "the first response in pictures");
    }
    outputs.write(result);
    return result;
  }

 private:
  static bool names_file(const fs::path& out) {
    return out.extension() == ".wav";
  }

  void check(const ToolCall& call) const {
    MMI_CHECK(
        ConfigError,
        call.inputs.size() == 1 && !call.out.empty(),
        "mmi rooms simulate takes a scene and --out FOLDER (or FILE.wav for one pair)");
    const std::size_t sources = config_.source.at.size();
    const std::size_t receivers = config_.receiver.at.size();
    MMI_CHECK(
        ConfigError,
        sources > 0 && receivers > 0,
        "mmi rooms simulate needs source=[x,y,z] and receiver=[x,y,z], or lists of them");
    MMI_CHECK(
        ConfigError,
        !names_file(call.out) || sources * receivers == 1,
        "{} sources and {} receivers make {} sounds: name a folder instead of {}",
        sources,
        receivers,
        sources * receivers,
        call.out.string());
    MMI_CHECK(
        ConfigError,
        sources * receivers <= kMostPairs,
        "{} pairs are more than the {} of one call",
        sources * receivers,
        kMostPairs);
    const std::size_t facing = config_.facing.at.size();
    MMI_CHECK(
        ConfigError,
        facing <= 1 || facing == sources,
        "facing must be one direction or one for each of the {} sources, not {}",
        sources,
        facing);
    for (const Vec3 direction : config_.facing.at) {
      MMI_CHECK(ConfigError, norm(direction) > 0, "facing=[0,0,0] is no direction");
    }
  }

  std::vector<rooms::Source> sources() const {
    std::vector<rooms::Source> made;
    for (std::size_t s = 0; s < config_.source.at.size(); ++s) {
      rooms::Source source{config_.source.at[s], {1, 0, 0}, config_.omni};
      if (!config_.facing.at.empty()) {
        source.facing = unit(config_.facing.at[config_.facing.at.size() == 1 ? 0 : s]);
      }
      made.push_back(source);
    }
    return made;
  }

  std::vector<rooms::Responses> simulate(
      const rooms::Simulator& simulator, const ToolCall& call) const {
    Progress bar("simulating", static_cast<std::int64_t>(config_.receiver.at.size()));
    return simulator.run(sources(), config_.receiver.at, config_, [&](std::int64_t done) {
      MMI_CHECK(Interrupted, !call.stop(), "interrupted; nothing was written");
      bar.update(done);
    });
  }

  std::vector<Pair> pairs_of(const std::vector<rooms::Responses>& responses) const {
    std::vector<Pair> pairs;
    for (std::size_t s = 0; s < config_.source.at.size(); ++s) {
      for (std::size_t r = 0; r < responses.size(); ++r) {
        const float* const samples = responses[r].waveform(static_cast<std::int64_t>(s));
        pairs.push_back(
            {s,
             r,
             norm(config_.source.at[s] - config_.receiver.at[r]),
             responses[r].visible[s],
             {samples, static_cast<std::size_t>(responses[r].samples)},
             {}});
      }
    }
    return pairs;
  }

  static std::string name_of(const Pair& pair) {
    return format("S{:03d}_R{:03d}", pair.source + 1, pair.receiver + 1);
  }

  static fs::path file_of(const Pair& pair, const fs::path& out) {
    return names_file(out) ? out : out / (name_of(pair) + ".wav");
  }

  static void describe(
      const rooms::Scene& scene, const std::vector<Pair>& pairs, int rate, ToolResult& result) {
    const double sabine = middle(scene.sabine_s());
    const double eyring = middle(scene.eyring_s());
    std::vector<std::vector<std::string>> rows{
        {"pair", "m", "direct", "EDT, s", "T20, s", "C50, dB", "Sabine, s", "Eyring, s"}};
    for (std::size_t i = 0; i < std::min(pairs.size(), kShownPairs); ++i) {
      const Pair& pair = pairs[i];
      rows.push_back(
          {name_of(pair),
           format("{:.2f}", pair.distance_m),
           pair.visible ? "yes" : "hidden",
           cell(pair.measures.edt_s, 2),
           cell(pair.measures.t20_s, 2),
           cell(pair.measures.c50_db, 1),
           format("{:.2f}", sabine),
           format("{:.2f}", eyring)});
    }
    result.lines = lines_of(rows);
    if (pairs.size() > kShownPairs) {
      result.lines.push_back(format("… and {} more", pairs.size() - kShownPairs));
    }
    std::vector<std::vector<std::string>> bands = octaves(scene, pairs[0], rate);
    result.lines.push_back(format("{} by octaves:", name_of(pairs[0])));
    for (std::string& line : lines_of(bands)) {
      result.lines.push_back(std::move(line));
    }
    rows.insert(rows.end(), bands.begin(), bands.end());
    if (const std::string marks = legend(rows); !marks.empty()) {
      result.lines.push_back(marks);
    }
    if (pairs.size() == 1) {
      for (const auto& [name, member] : dsp::kRoomMeasures) {
        if ((pairs[0].measures.*member).has_value()) {
          result.values.emplace_back(name, (pairs[0].measures.*member).value);
        }
      }
    }
    result.values.emplace_back("sabine_s", sabine);
    result.values.emplace_back("eyring_s", eyring);
  }

  static std::vector<std::vector<std::string>> octaves(
      const rooms::Scene& scene, const Pair& pair, int rate) {
    std::vector<std::vector<std::string>> rows{
        {"Hz", "EDT, s", "T20, s", "C50, dB", "Sabine, s", "Eyring, s"}};
    std::vector<double> centres;
    for (const double centre : dsp::kOctaveCentresHz) {
      if (centre * 1.42 < 0.5 * rate) {
        centres.push_back(centre);
      }
    }
    const auto measures = dsp::octave_room_measures(pair.samples, rate, {}, centres);
    const rooms::Bands sabine = scene.sabine_s();
    const rooms::Bands eyring = scene.eyring_s();
    for (std::size_t b = 0; b < centres.size(); ++b) {
      rows.push_back(
          {format("{:g}", centres[b]),
           cell(measures[b].edt_s, 2),
           cell(measures[b].t20_s, 2),
           cell(measures[b].c50_db, 1),
           format("{:.2f}", sabine[b + 1]),
           format("{:.2f}", eyring[b + 1])});
    }
    return rows;
  }

  nlohmann::ordered_json json_of_run(
      const ToolCall& call, const rooms::Scene& scene, const std::vector<Pair>& pairs) const {
    const config::Node options = config::write(config_);
    nlohmann::ordered_json json{
        {"mmi", version()},
        {"scene", call.inputs[0].string()},
        {"settings", nlohmann::ordered_json::parse(options.json())},
        {"volume_m3", scene.volume_m3()},
        {"sabine_s", scene.sabine_s()},
        {"eyring_s", scene.eyring_s()},
        {"measures", dsp::describe(dsp::RoomMeasureConfig{})},
        {"pairs", nlohmann::ordered_json::array()}};
    for (const Pair& pair : pairs) {
      json["pairs"].push_back(
          {{"file", file_of(pair, call.out).filename().string()},
           {"source", json_of(config_.source.at[pair.source])},
           {"receiver", json_of(config_.receiver.at[pair.receiver])},
           {"distance_m", pair.distance_m},
           {"direct_sound", pair.visible},
           {"measures", json_of(pair.measures)}});
    }
    return json;
  }

  io::Canvas draw(const rooms::Simulator& simulator, const Pair& pair, const ToolCall& call) const {
    rooms::SimulateOptions options = config_;
    options.rays = 0;
    options.keep_paths = true;
    const auto early =
        simulator.run({sources()[pair.source]}, config_.receiver.at[pair.receiver], options);
    return draw_response(
        {format(
             "{}: {} to {}, {:.2f} m",
             call.inputs[0].filename().string(),
             text_of(config_.source.at[pair.source]),
             text_of(config_.receiver.at[pair.receiver]),
             pair.distance_m),
         pair.samples,
         config_.sample_rate_hz,
         config_.speed_of_sound,
         pair.measures,
         middle(simulator.scene().eyring_s()),
         early.paths.at(0)});
  }

  RoomsSimulateConfig config_;
};

}  // namespace

const config::Schema& RoomsSimulateConfig::schema() {
  using C = RoomsSimulateConfig;
  static const config::Schema made = [] {
    auto table = scene_table<C>("rooms/simulate", "impulse responses of a scene");
    table.field("source", &C::source, "where sound comes from, in metres")
        .field("receiver", &C::receiver, "where it is heard")
        .field("facing", &C::facing, "where sources look, for omni below 1")
        .field(
            "omni",
            &C::omni,
            "1: all directions alike, 0.5: a cardioid, 0: a figure of eight",
            config::between(0, 1));
    simulate_fields(table);
    table.field("picture", &C::picture, "draw the first response");
    return config::Schema(table);
  }();
  return made;
}

std::shared_ptr<Tool> make_rooms_simulate(const RoomsSimulateConfig& config) {
  return std::make_shared<RoomsSimulate>(config);
}

}  // namespace mmi::models::xrir
