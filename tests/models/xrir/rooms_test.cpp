#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/data/formats/acoustic_rooms.h"
#include "mmi/io/audio.h"
#include "mmi/io/csv.h"
#include "mmi/io/json.h"
#include "mmi/io/npy.h"
#include "mmi/tensor/array.h"
#include "mmi/worlds/rooms/scene_io.h"
#include "models/xrir/rooms_plan.h"
#include "models/xrir/rooms_plot.h"
#include "models/xrir/rooms_tools.h"
#include "registered.h"

namespace mmi::models::xrir {
namespace {

namespace fs = std::filesystem;
namespace rooms = worlds::rooms;

class RoomsTools : public ::testing::Test {
 protected:
  void SetUp() override {
    register_xrir_once();
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    atomic_write(
        folder_ / "room.yaml",
        "shoebox: [5, 4, 3]\n"
        "walls: {absorption: 0.3, scattering: 0.3}\n"
        "furniture: [{name: desk, low: [2, 1, 0.01], high: [3, 2, 0.8], material: cabinet}]\n");
  }

  void TearDown() override {
    fs::remove_all(folder_);
  }

  static ToolResult run(
      const std::string& name,
      const std::vector<fs::path>& inputs,
      const fs::path& out = {},
      const std::vector<std::string>& settings = {},
      bool stop = false) {
    config::Node node = config::Node::map();
    for (const std::string& setting : settings) {
      config::apply_override(node, setting, 0);
    }
    node.set("name", config::Node::text("rooms/" + name));
    config::Component<Tool> component;
    config::Problems problems;
    Registry<Tool>::get().read_component(component.name, component.config, node, name, problems);
    problems.throw_if_any();
    ToolCall call;
    call.inputs = inputs;
    call.out = out;
    call.stop = [stop] { return stop; };
    return Registry<Tool>::get().create(component, {})->run(call);
  }

  static std::string error_of(const std::function<void()>& action) {
    try {
      action();
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }

  static double value(const ToolResult& result, const std::string& name) {
    for (const auto& [key, number] : result.values) {
      if (key == name) {
        return number;
      }
    }
    ADD_FAILURE() << "no value " << name;
    return 0;
  }

  std::vector<std::string> tree() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
      if (entry.is_regular_file() && entry.path().filename() != "room.yaml") {
        names.push_back(fs::relative(entry.path(), folder_).string());
      }
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  fs::path folder_ = fs::path(::testing::TempDir()) /
                     (std::string("rooms_tools_") +
                      ::testing::UnitTest::GetInstance()->current_test_info()->name());
  fs::path room_ = folder_ / "room.yaml";
  std::vector<std::string> fast_{"rays=500", "samples=4000", "sequence_rays=2000"};

  std::vector<std::string> fast(std::vector<std::string> more) const {
    more.insert(more.end(), fast_.begin(), fast_.end());
    return more;
  }
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_F(RoomsTools, CheckPrintsFiguresAndNamesProblems) {
  const ToolResult good = run("check", {room_});
  EXPECT_NEAR(value(good, "volume_m3"), 60 - 0.79, 1e-9);
  EXPECT_TRUE(good.problem.empty());
  const auto json = nlohmann::json::parse(good.json);
  EXPECT_EQ(json["scenes"][0]["sabine_s"].size(), 8U);

  atomic_write(
      folder_ / "out.yaml",
      "shoebox: [5, 4, 3]\nfurniture: [{name: desk, low: [4, 1, 0], high: [6, 2, 1]}]\n");
  const ToolResult outside = run("check", {room_, folder_ / "out.yaml"});
  EXPECT_TRUE(has(outside.problem, "out.yaml")) << outside.problem;
  EXPECT_FALSE(has(outside.problem, "room.yaml"));
  EXPECT_TRUE(has(outside.lines.back(), "\"desk\" reaches out of the room"));

  rooms::Scene open = rooms::Scene::shoebox({4, 3, 2.5}, rooms::Material::flat(0.2));
  open.polygons.pop_back();
  rooms::write_scene(folder_ / "open.obj", open);
  const ToolResult gaps = run("check", {folder_ / "open.obj"});
  EXPECT_FALSE(gaps.problem.empty());
  EXPECT_TRUE(has(gaps.lines.back(), "4 open edges")) << gaps.lines.back();
}

TEST_F(RoomsTools, CheckFindsSurfacesThatCross) {
  atomic_write(
      folder_ / "two.yaml",
      "shoebox: [5, 4, 3]\nfurniture:\n"
      "  - {name: desk, low: [1, 1, 0], high: [2, 2, 1]}\n"
      "  - {name: lamp, low: [1.4, 1.4, 0.5], high: [1.6, 1.6, 1.5]}\n"
      "  - {name: shelf, low: [2, 1, 0], high: [3, 2, 1]}\n");
  const ToolResult two = run("check", {folder_ / "two.yaml"});
  EXPECT_EQ(value(two, "problems"), 1) << "touching is no crossing";
  EXPECT_TRUE(has(two.lines.back(), "\"lamp\" crosses \"desk\": 4 edges")) << two.lines.back();

  // Two boxes that cross, as one piece.
  rooms::Scene knot = rooms::Scene::shoebox({4, 3, 2.5}, rooms::Material::flat(0.2));
  knot.add_box({1, 1, 1}, {2, 2, 1.5}, 0, "knot");
  knot.add_box({1.4, 1.4, 0.5}, {1.6, 1.6, 1.3}, 0, "rest");
  for (rooms::Polygon& polygon : knot.polygons) {
    polygon.object = std::min(polygon.object, 1);
  }
  knot.objects.pop_back();
  rooms::write_scene(folder_ / "knot.obj", knot);
  const ToolResult tied = run("check", {folder_ / "knot.obj"});
  EXPECT_FALSE(tied.problem.empty());
  const auto crossed = [](const std::string& line) { return has(line, "\"knot\" crosses itself"); };
  EXPECT_TRUE(std::any_of(tied.lines.begin(), tied.lines.end(), crossed)) << tied.lines.back();
}

TEST_F(RoomsTools, CheckCountsAndListsTheFaultsOfAFolder) {
  const fs::path root = folder_ / "rooms";
  const data::formats::AcousticRoomsLayout layout(root);
  const data::formats::AcousticRoom room{"Cafe", "Cafe_idx_1"};
  for (std::int64_t s = 1; s <= 3; ++s) {
    std::vector<float> sound(500, 0.01F);
    sound[0] = sound[1] = s == 2 ? 1.0F : 0.5F;
    if (s == 3) {
      std::fill(sound.begin(), sound.end(), 0.0F);
    }
    layout.write_rir(room, {s, 1}, {22050, 1, sound});
    layout.write_positions(room, {s, 1}, {{1, 2, static_cast<double>(s)}, {0, 0, 0}});
  }
  layout.write_depth(room, 1, torch::ones({256, 512}));
  layout.write_positions(room, {4, 1}, {});
  const ToolResult told = run("check", {root, room_});
  const auto folder = nlohmann::json::parse(told.json)["folders"][0];
  EXPECT_EQ(folder["sounds"], 3);
  EXPECT_EQ(
      folder["problems"],
      (nlohmann::json{
          "positions without sound: 1 (Cafe/Cafe_idx_1/S004_R001)",
          "rooms without mesh: 1 (Cafe/Cafe_idx_1)",
          "silent sounds: 1 (Cafe/Cafe_idx_1/S003_R001)",
          "clipped sounds: 1 (Cafe/Cafe_idx_1/S002_R001)"}));
  EXPECT_EQ(
      told.problem, "a training on " + root.string() + " would stumble: mend the problems above");
  EXPECT_THROW(run("check", {folder_}), DataError) << "no single_channel_ir";
}

TEST_F(RoomsTools, SimulateWritesASoundAPairAndWhatWasDone) {
  const fs::path out = folder_ / "responses";
  const ToolResult result =
      run("simulate",
          {room_},
          out,
          fast({"source=[[1, 1, 1.5], [4, 1, 1.5]]", "receiver=[[1, 3, 1.2], [4, 3, 1.2]]"}));
  std::vector<std::string> expected{
      "responses/S001_R001.wav",
      "responses/S001_R002.wav",
      "responses/S002_R001.wav",
      "responses/S002_R002.wav",
      "responses/simulation.json"};
  if (has_pictures()) {
    expected.insert(expected.begin(), "responses/S001_R001.png");
  }
  EXPECT_EQ(tree(), expected);
  EXPECT_EQ(result.files.size(), expected.size());

  const rooms::Scene scene = rooms::read_scene(room_);
  rooms::SimulateOptions options;
  options.rays = 500;
  options.samples = 4000;
  options.sequence_rays = 2000;
  const auto direct = rooms::Simulator(scene).run(
      std::vector<rooms::Source>{{{1, 1, 1.5}}, {{4, 1, 1.5}}}, {4, 3, 1.2}, options);
  const io::Audio sound = io::read_audio(out / "S002_R002.wav");
  EXPECT_EQ(sound.sample_rate_hz, 22050);
  EXPECT_EQ(
      sound.samples, std::vector<float>(direct.waveform(1), direct.waveform(1) + direct.samples))
      << "float32, not scaled";

  const auto told = io::read_json(out / "simulation.json");
  ASSERT_EQ(told["pairs"].size(), 4U);
  EXPECT_EQ(told["pairs"][3]["file"], "S002_R002.wav");
  EXPECT_EQ(told["pairs"][3]["source"], (nlohmann::json{4.0, 1.0, 1.5}));
  EXPECT_EQ(told["settings"]["rays"], 500);
  EXPECT_NEAR(told["pairs"][0]["distance_m"], std::sqrt(4.09), 1e-12);
  EXPECT_GT(told["pairs"][0]["measures"]["edt_s"]["value"], 0.05);
}

TEST_F(RoomsTools, SimulateNamesMistakesAndLeavesNothing) {
  const auto said = [&](const fs::path& out, const std::vector<std::string>& settings) {
    return error_of([&] { run("simulate", {room_}, out, fast(settings)); });
  };
  const fs::path wav = folder_ / "a.wav";
  EXPECT_TRUE(has(said(wav, {"source=[1,1,1]"}), "receiver=[x,y,z]"));
  EXPECT_TRUE(has(said(wav, {"source=[2.5,1.5,0.4]", "receiver=[1,3,1]"}), "is inside \"desk\""));
  EXPECT_TRUE(has(said(wav, {"source=[1,1,1]", "receiver=[1,3,9]"}), "outside the room"));
  EXPECT_TRUE(has(said(wav, {"source=[1,1]", "receiver=[1,3,1]"}), "[x, y, z]"));
  EXPECT_TRUE(has(said(wav, {"source=[1,1,1]", "receiver=[[1,3,1],[1,3,2]]"}), "name a folder"));
  EXPECT_TRUE(
      has(said(wav, {"source=[1,1,1]", "receiver=[1,3,1]", "sample_rate_hz=22050.5"}), "whole"));
  EXPECT_TRUE(
      has(said(wav, {"source=[1,1,1]", "receiver=[1,3,1]", "image_order=9"}), "empty shoebox"));
  EXPECT_TRUE(has(said({}, {"source=[1,1,1]", "receiver=[1,3,1]"}), "--out"));
  EXPECT_THROW(
      run("simulate", {room_}, wav, fast({"source=[1,1,1]", "receiver=[1,3,1]"}), true),
      Interrupted);
  EXPECT_TRUE(tree().empty());

  // A folder stands where the last file should go.
  fs::create_directories(folder_ / "a.json" / "full");
  EXPECT_THROW(
      run("simulate", {room_}, wav, fast({"source=[1,1,1]", "receiver=[1,3,1]"})), DataError);
  EXPECT_TRUE(tree().empty()) << tree().front();
}

TEST_F(RoomsTools, DirectiveSourcesFaceWhereTheyAreTold) {
  const auto level = [&](const std::string& facing) {
    run("simulate",
        {room_},
        folder_ / "a.wav",
        {"source=[1,3,1.5]",
         "receiver=[4,3,1.5]",
         "rays=0",
         "image_order=0",
         "omni=0.5",
         facing,
         "picture=false",
         "samples=2000"});
    double energy = 0;
    for (const float x : io::read_audio(folder_ / "a.wav").samples) {
      energy += x * x;
    }
    return energy;
  };
  EXPECT_GT(level("facing=[2,0,0]"), 1e3 * level("facing=[-1,0,0]"));
}

TEST_F(RoomsTools, AuralizePutsARecordingIntoTheRoom) {
  std::vector<float> clicks(2 * 16000, 0);
  for (std::size_t i = 0; i < clicks.size(); i += 4000) {
    clicks[i] = 0.5F;
  }
  io::write_wav(folder_ / "dry.wav", clicks, 1, 16000, io::WavType::kFloat32);
  const std::string dry = "dry=" + (folder_ / "dry.wav").string();
  const fs::path close = folder_ / "close.wav";
  const auto peak = [](const io::Audio& sound) {
    float most = 0;
    for (const float x : sound.samples) {
      most = std::max(most, std::abs(x));
    }
    return most;
  };
  const ToolResult one =
      run("auralize",
          {room_},
          folder_ / "there.wav",
          fast({dry, "dry_out=" + close.string(), "source=[1,1,1.5]", "receiver=[4,3,1.2]"}));
  EXPECT_EQ(fs::exists(folder_ / "there.png"), has_pictures());
  const io::Audio there = io::read_audio(folder_ / "there.wav");
  EXPECT_EQ(there.channels, 1);
  EXPECT_EQ(there.sample_rate_hz, 44100);
  EXPECT_EQ(there.length(), 2 * 44100 + 4000 - 1);
  // The dry copy is the louder one: 1 m against 3.6 m.
  const float full = static_cast<float>(std::pow(10, -1.0 / 20));
  EXPECT_NEAR(peak(io::read_audio(close)), full, 1e-3);
  EXPECT_LT(peak(there), 0.6F * full);
  EXPECT_GT(peak(there), 0.1F * full);
  EXPECT_EQ(value(one, "places_simulated"), 1);

  const ToolResult walk =
      run("auralize",
          {room_},
          folder_ / "walk.wav",
          fast(
              {dry,
               "source=[1,1,1.5]",
               "receiver=[[4,3,1.2],[1,3,1.2]]",
               "binaural=true",
               "picture=false"}));
  const io::Audio walked = io::read_audio(folder_ / "walk.wav");
  EXPECT_EQ(walked.channels, 2);
  EXPECT_NEAR(peak(walked), full, 1e-3);
  EXPECT_EQ(value(walk, "places_simulated"), 13);
  EXPECT_NEAR(value(walk, "way_m"), 3, 1e-12);
  EXPECT_TRUE(has(walk.lines.front(), "1.50 m/s")) << walk.lines.front();
}

TEST_F(RoomsTools, AuralizeNamesMistakesAndLeavesNothing) {
  io::write_wav(
      folder_ / "dry.wav", std::vector<float>(800, 0.5F), 1, 16000, io::WavType::kFloat32);
  io::write_wav(folder_ / "silent.wav", std::vector<float>(800), 1, 16000, io::WavType::kFloat32);
  const std::vector<std::string> before = tree();
  const std::string dry = "dry=" + (folder_ / "dry.wav").string();
  const auto said = [&](const std::vector<std::string>& settings) {
    return error_of([&] { run("auralize", {room_}, folder_ / "a.wav", fast(settings)); });
  };
  const std::string source = "source=[1,1,1.5]";
  EXPECT_TRUE(has(said({source, "receiver=[4,3,1]"}), "dry=FILE"));
  EXPECT_TRUE(has(said({dry, "receiver=[4,3,1]"}), "one source=[x,y,z]"));
  EXPECT_TRUE(has(said({dry, source}), "receiver=[x,y,z]"));
  EXPECT_TRUE(has(said({dry, source, "receiver=[2.5,1.5,0.4]"}), "is inside \"desk\""));
  EXPECT_TRUE(
      has(said({dry, source, "receiver=[[1,1.5,0.4],[4,1.5,0.4]]"}),
          "the way of the receiver at (2.00, 1.50, 0.40) is inside \"desk\""));
  EXPECT_TRUE(has(
      said({"dry=" + (folder_ / "silent.wav").string(), source, "receiver=[4,3,1]"}), "is silent"));
  EXPECT_TRUE(has(said({dry, source, "receiver=[4,3,1]", "dry_out=b.mp3"}), "must be a .wav file"));
  EXPECT_TRUE(
      has(said({dry, source, "receiver=[4,3,1]", "dry_out=" + (folder_ / "a.wav").string()}),
          "the same file"));
  const std::string unheard = error_of([&] {
    run("auralize",
        {room_},
        folder_ / "a.wav",
        {dry, source, "receiver=[4,3,1]", "rays=0", "sequence_rays=2000", "samples=100"});
  });
  EXPECT_TRUE(has(unheard, "nothing of the recording reaches the receiver")) << unheard;
  EXPECT_THROW(
      run("auralize", {room_}, folder_ / "a.wav", fast({dry, source, "receiver=[4,3,1]"}), true),
      Interrupted);
  EXPECT_EQ(tree(), before);
  EXPECT_THROW(
      run("auralize", {room_}, folder_ / "a.wav", fast({dry, source, "receiver=[2.5,1.5,0.4]"})),
      DataError);
}

TEST_F(RoomsTools, RenderWritesTheDepthOfTheRenderer) {
  const ToolResult result =
      run("render",
          {room_},
          folder_ / "depth.npy",
          {"position=[1, 2, 1.2]", "height=32", "width=64", "convention=release"});
  const auto depth = to_tensor(io::read_npy(folder_ / "depth.npy"));
  const auto expected = rooms::DepthRenderer(rooms::read_scene(room_))
                            .depth({1, 2, 1.2}, 32, 64, rooms::PixelConvention::kRelease);
  EXPECT_TRUE(depth.equal(expected));
  EXPECT_EQ(value(result, "missed_pixels"), 0);
  EXPECT_EQ(fs::exists(folder_ / "depth.png"), has_pictures());
  EXPECT_TRUE(
      has(error_of([&] { run("render", {room_}, folder_ / "b.npy", {"position=[2.5,1.5,0.5]"}); }),
          "is inside \"desk\""));
  EXPECT_TRUE(has(error_of([&] { run("render", {room_}, folder_ / "b.npy"); }), "position"));
}

TEST_F(RoomsTools, MeasureTellsDecaysAndComparesThem) {
  const auto decay = [&](const char* name, double t60_s) {
    std::vector<float> samples(22050);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const double sign = (i * 2654435761U >> 7) % 2 == 0 ? 1 : -1;
      samples[i] =
          static_cast<float>(sign * std::pow(10, -3 * static_cast<double>(i) / 22050 / t60_s));
    }
    io::write_wav(folder_ / name, samples, 1, 22050, io::WavType::kFloat32);
    return folder_ / name;
  };
  const fs::path half = decay("half.wav", 0.5);
  const fs::path more = decay("more.wav", 0.6);
  const ToolResult one = run("measure", {half}, folder_ / "t.csv", {"bands=true"});
  const io::CsvTable table = io::read_csv(folder_ / "t.csv");
  ASSERT_EQ(table.rows.size(), 7U) << "broadband and six octaves";
  EXPECT_NEAR(table.number(0, table.column("t20_s")), 0.5, 0.005);
  EXPECT_EQ(table.rows[0][table.column("t20_s_status")], "ok");
  EXPECT_EQ(nlohmann::json::parse(one.json)["responses"][0]["octaves"].size(), 6U);
  const ToolResult both = run("measure", {half, more}, {}, {"compare=true", "mode=paper"});
  EXPECT_NEAR(value(both, "edt_error_s"), 0.1, 0.01);
  EXPECT_NEAR(value(both, "t60_error_percent"), 100.0 / 6, 0.5);
  EXPECT_THROW(run("measure", {half}, {}, {"compare=true"}), ConfigError);
  EXPECT_THROW(run("measure", {half}, {}, {"edt_db=7"}), ConfigError);
  EXPECT_THROW(run("measure", {}), ConfigError);
  io::write_wav(folder_ / "silence.wav", std::vector<float>(2000, 0.0F), 1, 22050);
  EXPECT_TRUE(has(run("measure", {folder_ / "silence.wav"}).lines[1], "-"));
}

TEST_F(RoomsTools, MapLeavesOutSurfacesAndFurnitureAndIsReciprocal) {
  const fs::path out = folder_ / (has_pictures() ? "map.png" : "map.csv");
  const ToolResult result = run(
      "map", {room_}, out, fast({"source=[1,1,1.5]", "spacing=0.5", "z=0.6", "measure=level_db"}));
  const io::CsvTable table = io::read_csv(folder_ / "map.csv");
  EXPECT_EQ(table.rows.size(), static_cast<std::size_t>(value(result, "points")));
  EXPECT_EQ(fs::exists(folder_ / "map.png"), has_pictures());
  double nearest = -1e9;
  double loudest = -1e9;
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const double x = table.number(i, 0);
    const double y = table.number(i, 1);
    const double desk = std::hypot(std::max({2 - x, x - 3, 0.0}), std::max({1 - y, y - 2, 0.0}));
    EXPECT_GE(desk, 0.3) << x << ", " << y;
    EXPECT_TRUE(x >= 0.3 && x <= 4.7 && y >= 0.3 && y <= 3.7);
    const double level = table.number(i, table.column("level_db"));
    loudest = std::max(loudest, level);
    if (std::hypot(x - 1, y - 1) < 0.4) {
      nearest = std::max(nearest, level);
    }
  }
  EXPECT_EQ(nearest, loudest);
  EXPECT_TRUE(
      has(error_of([&] { run("map", {room_}, out, {"source=[1,1,1.5]", "z=2.9"}); }), "no point"));
  EXPECT_TRUE(
      has(error_of([&] { run("map", {room_}, out, {"source=[1,1,1.5]", "spacing=0.01"}); }),
          "spacing"));
  EXPECT_THROW(run("map", {room_}, folder_ / "m.txt", {"source=[1,1,1.5]"}), ConfigError);
  EXPECT_THROW(
      run("map", {room_}, folder_ / "b.csv", fast({"source=[1,1,1.5]"}), true), Interrupted);
  EXPECT_FALSE(fs::exists(folder_ / "b.csv"));
}

TEST_F(RoomsTools, MaterialsAreListedAndWritten) {
  const ToolResult result = run("materials", {}, folder_ / "all.json");
  EXPECT_EQ(result.lines.size(), 25U);
  EXPECT_EQ(nlohmann::json::parse(result.json)["materials"].size(), 24U);
  EXPECT_EQ(rooms::read_materials(folder_ / "all.json"), rooms::material_library());
  EXPECT_EQ(run("materials", {folder_ / "all.json"}).lines, result.lines);
}

TEST_F(RoomsTools, ScenesThatComeAlongAreSound) {
  for (const char* name : {"living_room.yaml", "l_shaped.yaml"}) {
    const ToolResult result =
        run("check", {fs::path(MMI_SOURCE_DIR) / "configs/xrir/rooms" / name});
    EXPECT_EQ(result.problem, "");
  }
}

TEST(RoomsPlot, TicksAreRoundAndInside) {
  EXPECT_EQ(ticks({0, 1}, 5).at, (std::vector<double>{0, 0.2, 0.2 * 2, 0.2 * 3, 0.2 * 4, 1}));
  EXPECT_EQ(ticks({0, 1}, 5).decimals, 1);
  EXPECT_EQ(ticks({-180, 180}, 11, 90).at, (std::vector<double>{-180, -90, 0, 90, 180}));
  EXPECT_EQ(ticks({0.31, 0.33}, 4).decimals, 3);
  EXPECT_EQ(number(-0.001, 1), "0.0");
}

}  // namespace
}  // namespace mmi::models::xrir
