#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cmath>

#include "mmi/base/errors.h"
#include "mmi/base/progress.h"
#include "mmi/dsp/resample.h"
#include "mmi/io/audio.h"
#include "models/xrir/rooms_plan.h"
#include "models/xrir/rooms_plot.h"
#include "models/xrir/rooms_tools.h"

namespace mmi::models::xrir {
namespace {

namespace fs = std::filesystem;
namespace rooms = worlds::rooms;

constexpr double kPeak_db = -1;     // of the loudest file
constexpr double kEnough_db = -40;  // a response that ends above has been cut off
constexpr int kWave = 190;          // height of the waveform, pixels
constexpr double kMostPlaces = 5000;

class RoomsAuralize : public Tool {
 public:
  explicit RoomsAuralize(const RoomsAuralizeConfig& config) : config_(config) {}

  std::string usage() const override {
    return "<scene> --out FILE dry=FILE source=[…] receiver=[…]";
  }

  std::string examples() const override {
    return "mmi rooms auralize configs/xrir/rooms/living_room.yaml --out there.wav \\\n"
           "  dry=speech.wav source=[1,1,1.5] receiver=[4.5,2.5,1.2]\n"
           "mmi rooms auralize configs/xrir/rooms/l_shaped.yaml --out walk.wav binaural=true \\\n"
           "  dry=speech.wav dry_out=close.wav source=[6,1.5,1.5] \\\n"
           "  receiver=[[1,5,1.6],[1,1.5,1.6],[5,1.5,1.6]]";
  }

  ToolResult run(const ToolCall& call) override {
    check(call);
    const int rate = whole_rate(config_.sample_rate_hz);
    const torch::Tensor dry = read_dry(rate);
    const rooms::Scene scene = open_scene(call.inputs[0], config_);
    const Vec3 source = config_.source.at[0];
    const rooms::Walk walk(config_.receiver.at);
    require_air(scene, source, "the source");
    require_way(scene, walk);
    rooms::Auralizer auralizer = simulate(scene, walk, call);
    torch::Tensor wet = play(auralizer, dry, call);
    const double loudest = wet.abs().max().item<double>();
    MMI_CHECK(
        DataError,
        loudest > 0,
        "nothing of the recording reaches the receiver: let rays or image_order find a way there");
    const bool both = !config_.dry_out.empty();
    const double gain = std::pow(10, kPeak_db / 20) /
                        std::max(loudest, both ? dry.abs().max().item<double>() : 0.0);
    wet.mul_(gain);
    ToolResult result;
    describe(auralizer, walk, dry, gain, result);
    Outputs outputs;
    outputs.add(
        call.out,
        bytes_of(wet, rate),
        config_.binaural ? "what both ears hear" : "what a microphone hears");
    if (both) {
      outputs.add(
          config_.dry_out, bytes_of((dry * gain).unsqueeze(0), rate), "dry, 1 m away, same gain");
    }
    if (has_pictures() && config_.picture) {
      fs::path picture = call.out;
      outputs.add(
          picture.replace_extension(".png"),
          io::encode_image(draw(scene, wet, call).image(), ".png"),
          "floor plan and waveform");
    }
    outputs.write(result);
    return result;
  }

 private:
  void check(const ToolCall& call) const {
    MMI_CHECK(
        ConfigError,
        call.inputs.size() == 1 && call.out.extension() == ".wav",
        "mmi rooms auralize takes a scene and --out FILE.wav");
    MMI_CHECK(ConfigError, !config_.dry.empty(), "mmi rooms auralize needs dry=FILE, a recording");
    MMI_CHECK(
        ConfigError,
        config_.source.at.size() == 1,
        "mmi rooms auralize needs one source=[x,y,z], not {}",
        config_.source.at.size());
    MMI_CHECK(
        ConfigError,
        !config_.receiver.at.empty(),
        "mmi rooms auralize needs receiver=[x,y,z], or a list of places to walk along");
    MMI_CHECK(
        ConfigError,
        config_.dry_out.empty() || fs::path(config_.dry_out).extension() == ".wav",
        "dry_out must be a .wav file, not {}",
        config_.dry_out);
    MMI_CHECK(
        ConfigError,
        config_.dry_out.empty() || fs::path(config_.dry_out) != call.out,
        "dry_out and --out are the same file, {}",
        config_.dry_out);
  }

  torch::Tensor read_dry(int rate) const {
    const io::Audio audio = io::to_mono(io::read_audio(config_.dry));
    MMI_CHECK(
        DataError,
        std::any_of(audio.samples.begin(), audio.samples.end(), [](float x) { return x != 0; }),
        "{} is silent",
        config_.dry);
    const auto samples = at::from_blob(
        const_cast<float*>(audio.samples.data()),
        {static_cast<std::int64_t>(audio.samples.size())},
        torch::kFloat32);
    return dsp::resample(samples, audio.sample_rate_hz, rate);
  }

  // Everywhere on the way, not at its corners alone.
  void require_way(const rooms::Scene& scene, const rooms::Walk& walk) const {
    const double places = std::ceil(walk.length_m() / config_.spacing_m);
    MMI_CHECK(
        ConfigError,
        places <= kMostPlaces,
        "a way of {:.0f} m with spacing={:g} has {:.0f} places; at most {:.0f} are simulated",
        walk.length_m(),
        config_.spacing_m,
        places,
        kMostPlaces);
    const auto steps = static_cast<int>(std::ceil(walk.length_m() / 0.05));
    for (const Vec3 place : config_.receiver.at) {
      require_air(scene, place, "a receiver");
    }
    for (int i = 1; i < steps; ++i) {
      require_air(scene, walk.at(walk.length_m() * i / steps), "the way of the receiver");
    }
  }

  rooms::Auralizer simulate(
      const rooms::Scene& scene, const rooms::Walk& walk, const ToolCall& call) const {
    const rooms::Simulator simulator(scene);
    std::unique_ptr<Progress> bar;
    return rooms::Auralizer(
        simulator,
        {config_.source.at[0]},
        walk,
        config_,
        config_,
        [&](std::int64_t done, std::int64_t all) {
          MMI_CHECK(Interrupted, !call.stop(), "interrupted; nothing was written");
          bar = bar ? std::move(bar) : std::make_unique<Progress>("simulating", all);
          bar->update(done);
        });
  }

  static torch::Tensor play(
      rooms::Auralizer& auralizer, const torch::Tensor& dry, const ToolCall& call) {
    std::unique_ptr<Progress> bar;
    return auralizer.play(dry, [&](std::int64_t done, std::int64_t all) {
      MMI_CHECK(Interrupted, !call.stop(), "interrupted; nothing was written");
      bar = bar ? std::move(bar) : std::make_unique<Progress>("convolving", all);
      bar->update(done);
    });
  }

  void describe(
      rooms::Auralizer& auralizer,
      const rooms::Walk& walk,
      const torch::Tensor& dry,
      double gain,
      ToolResult& result) const {
    const double seconds = static_cast<double>(dry.size(0)) / config_.sample_rate_hz;
    const auto places = static_cast<double>(auralizer.places().size());
    result.values = {
        {"recording_s", seconds},
        {"way_m", walk.length_m()},
        {"places_simulated", places},
        {"places_with_direct_sound", static_cast<double>(auralizer.places_with_direct_sound())},
        {"gain_db", 20 * std::log10(gain)}};
    if (walk.length_m() > 0) {
      result.lines.push_back(format(
          "{:.2f} m in {:.2f} s, {:.2f} m/s", walk.length_m(), seconds, walk.length_m() / seconds));
    }
    const torch::Tensor response = auralizer.response(0)[0].contiguous();
    const std::vector<double> decay = dsp::energy_decay_curve(
        {response.const_data_ptr<float>(), static_cast<std::size_t>(response.numel())});
    const double last_db = decay[decay.size() * 19 / 20];
    if (last_db > kEnough_db) {
      result.lines.push_back(format(
          "responses are cut off {:.0f} dB below their beginning: a larger samples= lets them ring",
          -last_db));
    }
  }

  static std::vector<std::uint8_t> bytes_of(const torch::Tensor& sound, int rate) {
    const torch::Tensor frames = sound.t().contiguous();
    const float* const samples = frames.const_data_ptr<float>();
    return io::encode_wav(
        {rate, static_cast<int>(sound.size(0)), {samples, samples + frames.numel()}},
        io::WavType::kPcm16);
  }

  // The plan, and the waveform below it: left and right above each other.
  io::Canvas draw(const rooms::Scene& scene, const torch::Tensor& wet, const ToolCall& call) const {
    FloorMap map;
    map.title = call.inputs[0].filename().string();
    map.subtitle = format(
        "{}, {}",
        fs::path(config_.dry).filename().string(),
        config_.binaural ? "two ears" : "one microphone");
    map.z = config_.receiver.at[0].z;
    map.source = config_.source.at[0];
    map.walk = config_.receiver.at;
    const io::Canvas plan = draw_floor_map(scene, map);
    const auto channels = static_cast<int>(wet.size(0));
    io::Canvas canvas(std::max(plan.width(), 640), plan.height() + channels * kWave + 40, kPaper);
    for (int y = 0; y < plan.height(); ++y) {
      for (int x = 0; x < plan.width(); ++x) {
        canvas.set(x, y, plan.pixel(x, y));
      }
    }
    const double seconds = static_cast<double>(wet.size(1)) / config_.sample_rate_hz;
    for (int channel = 0; channel < channels; ++channel) {
      const char* const name = channels == 1 ? "heard" : channel == 0 ? "left ear" : "right ear";
      Panel panel(
          canvas,
          76,
          plan.height() + channel * kWave + 34,
          canvas.width() - 76 - 40,
          kWave - 90,
          {0, seconds},
          {-1, 1});
      panel.axes(name, channel + 1 == channels ? "time, s" : "", "");
      draw_wave(panel, wet[channel].contiguous(), canvas.width());
    }
    return canvas;
  }

  // The lowest and highest sample of each column.
  void draw_wave(Panel& panel, const torch::Tensor& wave, int columns) const {
    const float* const samples = wave.const_data_ptr<float>();
    const std::int64_t count = wave.numel();
    for (std::int64_t column = 0; column < columns; ++column) {
      const std::int64_t from = count * column / columns;
      const std::int64_t to = std::max(from + 1, count * (column + 1) / columns);
      const auto [low, high] = std::minmax_element(samples + from, samples + std::min(to, count));
      const double time = static_cast<double>(from) / config_.sample_rate_hz;
      panel.line(time, *low, time, *high, kBlue, 1);
    }
  }

  RoomsAuralizeConfig config_;
};

}  // namespace

const config::Schema& RoomsAuralizeConfig::schema() {
  using C = RoomsAuralizeConfig;
  using A = worlds::rooms::AuralizeOptions;
  static const config::Schema made = [] {
    auto table = scene_table<C>("rooms/auralize", "a recording in a scene");
    table.field("dry", &C::dry, "the recording, without a room of its own; its channels' mean")
        .field("dry_out", &C::dry_out, "the recording again, with the gain of --out; empty: no")
        .field("source", &C::source, "where the recording is played, in metres")
        .field("receiver", &C::receiver, "where it is heard; a list is walked at constant speed")
        .field(
            "binaural",
            static_cast<bool C::*>(&A::binaural),
            "two ears on a rigid sphere instead of one microphone")
        .field(
            "facing",
            static_cast<std::optional<double> C::*>(&A::facing_deg),
            "degrees (0: +x, 90: +y); null: ahead, or to the source",
            config::between(-360, 360))
        .field(
            "spacing",
            static_cast<double C::*>(&A::spacing_m),
            "at most, between simulated places, in metres",
            config::between(0.01, 10))
        .field(
            "step",
            static_cast<double C::*>(&A::step_s),
            "between responses that fade into each other, in seconds",
            config::between(0.001, 10));
    simulate_fields(table);
    table.field("picture", &C::picture, "draw floor plan and waveform");
    return config::Schema(table);
  }();
  return made;
}

std::shared_ptr<Tool> make_rooms_auralize(const RoomsAuralizeConfig& config) {
  return std::make_shared<RoomsAuralize>(config);
}

}  // namespace mmi::models::xrir
