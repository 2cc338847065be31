#include "mmi/data/formats/acoustic_rooms.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/base/rng.h"
#include "mmi/data/formats/acoustic_rooms_check.h"
#include "mmi/io/json.h"
#include "mmi/io/npy.h"
#include "mmi/tensor/array.h"

namespace mmi::data::formats {
namespace {

namespace fs = std::filesystem;

const AcousticRoom kCafe{"Cafe", "Cafe_idx_1"};
const AcousticRoom kOffice2{"Office", "Office_idx_2"};
const AcousticRoom kOffice10{"Office", "Office_idx_10"};

io::Audio noise(std::uint64_t seed, int sample_rate_hz = 22'050, int channels = 1) {
  Rng rng(seed);
  io::Audio audio;
  audio.sample_rate_hz = sample_rate_hz;
  audio.channels = channels;
  for (int i = 0; i < 500 * channels; ++i) {
    audio.samples.push_back(static_cast<float>(rng.uniform(-0.9, 0.9) * std::exp(-i / 80.0)));
  }
  return audio;
}

torch::Tensor depth_map(std::int64_t height = 256) {
  return torch::arange(1, height * height * 2 + 1).to(torch::kFloat).reshape({height, -1}) / 7;
}

class AcousticRooms : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::path(::testing::TempDir()) /
            format(
                "rooms_{}_{}",
                ::testing::UnitTest::GetInstance()->current_test_info()->name(),
                static_cast<std::int64_t>(::getpid()));
    fs::remove_all(root_);
    fs::create_directories(root_);
  }

  void TearDown() override {
    fs::remove_all(root_);
  }

  std::string error_of(const std::function<void()>& action) const {
    try {
      action();
    } catch (const DataError& error) {
      return error.what();
    }
    return "no error";
  }

  void put(const std::string& name, const std::string& text) const {
    mmi::create_directories((root_ / name).parent_path());
    atomic_write(root_ / name, text);
  }

  void rename(const std::string& from, const std::string& to) const {
    fs::rename(root_ / from, root_ / to);
  }

  AcousticRoomsLayout layout() const {
    return AcousticRoomsLayout(root_);
  }

  /// `sources` x `receivers`, everything in its place.
  void write_room(const AcousticRoom& room, std::int64_t sources, std::int64_t receivers) const {
    for (std::int64_t r = 1; r <= receivers; ++r) {
      for (std::int64_t s = 1; s <= sources; ++s) {
        layout().write_rir(room, {s, r}, noise(static_cast<std::uint64_t>(s * 100 + r)));
        layout().write_positions(
            room, {s, r}, {{0.1 * static_cast<double>(s), 1, 1}, {2, static_cast<double>(r), 1.5}});
      }
      layout().write_depth(room, r, depth_map());
    }
    io::ObjMesh mesh;
    mesh.vertices = {{0, 0, 0}, {1, 0, 0}, {0, 1, 0}};
    mesh.add_face(std::vector<std::int32_t>{0, 1, 2}, "", "floor", "wood");
    layout().write_mesh(room, mesh);
  }

  fs::path root_;
};

TEST_F(AcousticRooms, GivesBackSoundsPositionsAndDepth) {
  write_room(kCafe, 2, 3);
  const AcousticRoomFiles files = layout().files(kCafe);
  EXPECT_EQ(files.pairs().size(), 6U);
  EXPECT_EQ(files.pairs()[1], (RirPair{1, 2}));
  EXPECT_EQ(files.receivers(), (std::vector<std::int64_t>{1, 2, 3}));
  const io::Audio rir = files.rir({2, 3});
  EXPECT_EQ(rir.samples, noise(203).samples);
  EXPECT_EQ(rir.sample_rate_hz, 22'050);
  const RirPositions positions = files.positions({2, 3});
  EXPECT_EQ(positions.source, (Point3{0.2, 1, 1}));
  EXPECT_EQ(positions.receiver, (Point3{2, 3, 1.5}));
  EXPECT_TRUE(torch::equal(files.depth(3), depth_map()));
  EXPECT_EQ(layout().mesh(kCafe).groups, std::vector<std::string>{"floor"});
}

TEST_F(AcousticRooms, WritesThePublishedNames) {
  write_room(kCafe, 10, 1);
  const char* const names[] = {
      "single_channel_ir/Cafe/Cafe_idx_1/S001_R001_hybrid_IR.wav",
      "single_channel_ir/Cafe/Cafe_idx_1/S010_R001_hybrid_IR.wav",
      "metadata/Cafe/Cafe_idx_1/S001_R001.json",
      "metadata/Cafe/Cafe_idx_1/S0010_R001.json",
      "depth_map/Cafe/Cafe_idx_1/1.npy",
      "room_mesh_obj_format/Cafe/Cafe_idx_1.obj"};
  for (const char* name : names) {
    EXPECT_TRUE(fs::exists(root_ / name)) << name;
  }
  const auto json = io::read_json(root_ / "metadata/Cafe/Cafe_idx_1/S0010_R001.json");
  EXPECT_EQ(json["rec_loc"], nlohmann::json({2, 1, 1.5}));
  EXPECT_EQ(json.size(), 2U);
}

TEST_F(AcousticRooms, FloatKeepsADecayThatPcmBuries) {
  io::Audio quiet = noise(1);
  for (float& sample : quiet.samples) {
    sample *= 1e-3F;
  }
  layout().write_rir(kCafe, {1, 1}, quiet);
  layout().write_rir(kCafe, {2, 1}, quiet, io::WavType::kPcm16);
  const AcousticRoomFiles files = layout().files(kCafe);
  EXPECT_EQ(files.rir({1, 1}).samples, quiet.samples);
  EXPECT_NE(files.rir({2, 1}).samples[499], quiet.samples[499]);
  EXPECT_NEAR(files.rir({2, 1}).samples[3], quiet.samples[3], 0x1p-16);
}

TEST_F(AcousticRooms, FindsFilesOfAnyPaddingByTheirNumbers) {
  write_room(kCafe, 1, 1);
  layout().write_rir(kCafe, {10, 100}, noise(7));
  layout().write_positions(kCafe, {10, 100}, {{9, 9, 9}, {1, 1, 1}});
  const std::string sounds = "single_channel_ir/Cafe/Cafe_idx_1/";
  const std::string metadata = "metadata/Cafe/Cafe_idx_1/";
  for (const char* name : {"S0010_R00100.json", "S010_R100.json", "S10_R100.json"}) {
    rename(metadata + "S0010_R00100.json", metadata + name);
    EXPECT_EQ(layout().files(kCafe).pairs(), (std::vector<RirPair>{{1, 1}, {10, 100}})) << name;
    EXPECT_EQ(layout().files(kCafe).positions({10, 100}).source, (Point3{9, 9, 9}));
    rename(metadata + name, metadata + "S0010_R00100.json");
  }
  for (const char* name : {"S0010_R00100_hybrid_IR.wav", "S10_R100.wav"}) {
    rename(sounds + "S010_R100_hybrid_IR.wav", sounds + name);
    EXPECT_EQ(layout().files(kCafe).rir({10, 100}).samples, noise(7).samples) << name;
    rename(sounds + name, sounds + "S010_R100_hybrid_IR.wav");
  }
  put(sounds + "S01_R01_hybrid_IR.wav", "x");
  const std::string error = error_of([&] { layout().files(kCafe); });
  EXPECT_NE(error.find("S01_R01_hybrid_IR.wav"), std::string::npos) << error;
  EXPECT_NE(error.find("remove one"), std::string::npos) << error;
}

TEST_F(AcousticRooms, IgnoresForeignFiles) {
  write_room(kCafe, 1, 1);
  const std::string sounds = "single_channel_ir/Cafe/Cafe_idx_1/";
  for (const char* name :
       {"S001_R002_hybrid_IR.txt",
        "S1.wav",
        "S-1_R2.wav",
        "Sx_R2.wav",
        "S1_R2_other.wav",
        "R1.wav",
        "S99999999999999999999_R1.wav",
        ".S002_R001.wav",
        "._S001_R001_hybrid_IR.wav"}) {
    put(sounds + name, "x");
  }
  put("single_channel_ir/readme.txt", "x");
  put("single_channel_ir/__MACOSX/Cafe_idx_1/S001_R001.wav", "x");
  put("depth_map/Cafe/Cafe_idx_1/x.npy", "x");
  EXPECT_EQ(layout().rooms(), std::vector<AcousticRoom>{kCafe});
  EXPECT_EQ(layout().files(kCafe).rirs.size(), 1U);
  EXPECT_EQ(layout().files(kCafe).depths.size(), 1U);
}

TEST_F(AcousticRooms, SortsRoomsByNumber) {
  for (const AcousticRoom& room : {kOffice10, kCafe, kOffice2}) {
    write_room(room, 1, 1);
  }
  const std::vector<AcousticRoom> sorted{kCafe, kOffice2, kOffice10};
  EXPECT_EQ(layout().rooms(), sorted);
  EXPECT_EQ(layout().rooms("room_mesh_obj_format"), sorted);
  EXPECT_NE(
      error_of([] { AcousticRoomsLayout("/none").rooms(); }).find("has no single_channel_ir"),
      std::string::npos);
}

TEST_F(AcousticRooms, GivesBackMaterialsAndSimulation) {
  const std::vector<AcousticMaterial> materials{
      {"Brick, painted",
       "Rigid",
       "of a wall",
       {0.05, 0.04, 0.04, 0.03, 0.04, 0.05, 0.05, 1},
       {{0.98, 0.01}, {0.5, -0.25}},
       0.35},
      {"Air", "Rigid", "", {}, {}, 0}};
  layout().write_materials("Natural materials", materials);
  EXPECT_EQ(layout().material_kinds(), std::vector<std::string>{"Natural materials"});
  const auto read = layout().materials("Natural materials");
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(read[0].name, materials[0].name);
  EXPECT_EQ(read[0].category, "Rigid");
  EXPECT_EQ(read[0].description, "of a wall");
  EXPECT_EQ(read[0].absorption, materials[0].absorption);
  EXPECT_EQ(read[0].reflection, materials[0].reflection);
  EXPECT_EQ(read[0].scattering, 0.35);
  EXPECT_TRUE(read[1].reflection.empty());

  AcousticSimulation simulation;
  simulation.name = "Cafe_idx_1";
  simulation.type = "Geometrical";
  simulation.receivers = {{1, 2, 3}, {4, 5, 6}};
  simulation.sources = {{0.1, 0.2, 0.3}};
  simulation.layers = {{"Floor", "Wood", {0.1}}, {"Wall", "Brick, painted", {}}};
  simulation.length_s = 0.435;
  EXPECT_FALSE(layout().has_simulation(kCafe));
  layout().write_simulation(kCafe, simulation);
  EXPECT_TRUE(layout().has_simulation(kCafe));
  const AcousticSimulation back = layout().simulation(kCafe);
  EXPECT_EQ(back.name, simulation.name);
  EXPECT_EQ(back.type, "Geometrical");
  EXPECT_EQ(back.receivers, simulation.receivers);
  EXPECT_EQ(back.sources, simulation.sources);
  ASSERT_EQ(back.layers.size(), 2U);
  EXPECT_EQ(back.layers[1].material, "Brick, painted");
  EXPECT_EQ(back.layers[0].scattering, std::vector<double>{0.1});
  EXPECT_EQ(back.length_s, 0.435);
  EXPECT_EQ(back.crossover_hz, 0);
  EXPECT_EQ(back.speed_of_sound, 343);
}

TEST_F(AcousticRooms, ReadsASimulationAsItIsPublished) {
  // Shortened from Bathrooms_idx_1, whose name is that of another room.
  put("simulation_info/Cafe/Cafe_idx_1/simulation_info.json",
      R"({"id": "a7", "name": "Bathrooms_idx_12", "simulationType": "Hybrid",
      "impulseLengthSec": 0.38, "crossoverFrequency": 710, "originalGeometryLibraryId": null,
      "receivers": [{"label": "rec_1", "x": -2.5465, "y": 4.6936, "z": 0.4845, "orderNumber": 1},
                    {"label": "rec_0", "x": -1.9087, "y": 4.1527, "z": 1.5695, "orderNumber": 0}],
      "sources": [{"label": "Source_0", "x": 1, "y": 2, "z": 3, "tasks": []}],
      "layerMaterialAssignments": [{"materialName": "Acoustic door", "layerName": "InteriorDoors",
                                    "scatteringCoefficient": [0.15]}],
      "simulationSettings": {"speedOfSound": 343, "gaSettings": {"ISMOrder": 4}}})");
  const AcousticSimulation simulation = layout().simulation(kCafe);
  EXPECT_EQ(simulation.name, "Bathrooms_idx_12");
  EXPECT_EQ(simulation.receivers[0], (Point3{-1.9087, 4.1527, 1.5695}));
  EXPECT_EQ(simulation.receivers[1], (Point3{-2.5465, 4.6936, 0.4845}));
  EXPECT_EQ(simulation.sources, std::vector<Point3>{(Point3{1, 2, 3})});
  EXPECT_EQ(simulation.layers[0].layer, "InteriorDoors");
  EXPECT_EQ(simulation.crossover_hz, 710);
}

TEST_F(AcousticRooms, SaysWhatIsWrong) {
  write_room(kCafe, 1, 1);
  const AcousticRoomFiles files = layout().files(kCafe);
  const auto expect = [&](const std::function<void()>& action, const std::string& part) {
    const std::string error = error_of(action);
    EXPECT_NE(error.find(part), std::string::npos) << error;
  };
  expect([&] { files.rir({2, 1}); }, "has no sound of S002_R001");
  expect([&] { files.positions({1, 7}); }, "has no positions of S001_R007");
  expect([&] { files.depth(9); }, "has no depth map of receiver 9");
  expect([&] { layout().write_rir(kCafe, {1, 1}, noise(1, 48'000)); }, "at 48000 Hz: resample");
  expect([&] { layout().write_rir(kCafe, {1, 1}, noise(1, 22'050, 2)); }, "but has 2");
  expect([&] { layout().write_depth(kCafe, 1, torch::ones({4, 4})); }, "must be (H, 2H)");
  expect([&] { layout().simulation(kCafe); }, "has no simulation.json");
  io::write_wav(files.rir_path({1, 1}), noise(1, 44'100));
  expect([&] { files.rir({1, 1}); }, "S001_R001_hybrid_IR.wav: a room impulse response must have");
  const std::string metadata = "metadata/Cafe/Cafe_idx_1/S001_R001.json";
  put(metadata, R"({"src_loc": [1, 2, 3]})");
  expect([&] { files.positions({1, 1}); }, "S001_R001.json: has no \"rec_loc\"");
  put(metadata, R"({"src_loc": [1, 2], "rec_loc": [1, 2, 3]})");
  expect([&] { files.positions({1, 1}); }, "\"src_loc\" must have 3 numbers, but has 2");
  put(metadata, R"({"src_loc": [1, 2, null], "rec_loc": [1, 2, 3]})");
  expect([&] { files.positions({1, 1}); }, "must be a number, but is null");
  put(metadata, "[1, 2");
  expect([&] { files.positions({1, 1}); }, "invalid JSON");
  put("depth_map/Cafe/Cafe_idx_1/1.npy", "x");
  expect([&] { files.depth(1); }, "is not a NumPy array");
  put("material_library/Rigid.json", R"([{"name": "a", "category": "b"}])");
  expect([&] { layout().materials("Rigid"); }, "Rigid.json: entry 0: has no \"absorption_coef\"");
  put("material_library/Rigid.json",
      R"([{"name": "a", "category": "b", "absorption_coef": [0, 0, 0, 0, 0, 0, 0, 2],
      "scatter_coef": 0}])");
  expect([&] { layout().materials("Rigid"); }, "absorbs 2 of the energy");
  put("seen_test_split.json", R"(["S001_R001_hybrid_IR.wav"])");
  expect([&] { layout().seen_test(); }, "entry 0: must be <category>/<room>/");
  fs::rename(root_ / "seen_test_split.json", root_ / "seen_test_split.pkl");
  expect([&] { layout().seen_test(); }, "Python pickle");
}

TEST_F(AcousticRooms, DamagedFilesGiveErrorsOnly) {
  write_room(kCafe, 1, 1);
  layout().write_materials("Rigid", {{"a", "b", "c", {}, {{1, 0}}, 0.1}});
  layout().write_simulation(kCafe, {"a", "Hybrid", {{1, 2, 3}}, {{1, 2, 3}}, {{"w", "b", {0.1}}}});
  layout().write_seen_test({{kCafe, {1, 1}}});
  const AcousticRoomFiles files = layout().files(kCafe);
  const std::pair<std::string, std::function<void()>> readers[] = {
      {"metadata/Cafe/Cafe_idx_1/S001_R001.json", [&] { files.positions({1, 1}); }},
      {"material_library/Rigid.json", [&] { layout().materials("Rigid"); }},
      {"simulation_info/Cafe/Cafe_idx_1/simulation.json", [&] { layout().simulation(kCafe); }},
      {"seen_test_split.json", [&] { layout().seen_test(); }},
      {"room_mesh_obj_format/Cafe/Cafe_idx_1.obj", [&] { layout().mesh(kCafe); }},
      {"single_channel_ir/Cafe/Cafe_idx_1/S001_R001_hybrid_IR.wav", [&] { files.rir({1, 1}); }}};
  Rng rng(3);
  for (const auto& [name, read] : readers) {
    const std::string text = read_text(root_ / name);
    int failed = 0;
    for (int i = 0; i < 100; ++i) {
      std::string damaged = text.substr(0, i % 4 == 0 ? text.size() / 2 : text.size());
      const auto size = static_cast<std::int64_t>(std::min<std::size_t>(damaged.size(), 400));
      damaged[static_cast<std::size_t>(rng.integer(size))] = static_cast<char>(rng.integer(256));
      fs::remove(root_ / name);
      std::ofstream(root_ / name, std::ios::binary) << damaged;
      try {
        read();
      } catch (const DataError&) {
        ++failed;
      }
    }
    EXPECT_GE(failed, 20) << name;
  }
}

// ---- splits

TEST(AcousticRoomsSplits, UnseenTestHasSeventeenExactRooms) {
  const auto& rooms = unseen_test_rooms();
  EXPECT_EQ(std::set<AcousticRoom>(rooms.begin(), rooms.end()).size(), 17U);
  std::map<std::string, int> of_category;
  for (const AcousticRoom& room : rooms) {
    EXPECT_TRUE(room.name.starts_with(room.category + "_idx_"));
    ++of_category[room.category];
  }
  EXPECT_EQ(of_category.size(), 10U);
  EXPECT_EQ(of_category["Cafe"], 1);
  EXPECT_EQ(of_category["Office"], 2);
  EXPECT_TRUE(is_unseen_test_room({"Office", "Office_idx_11"}));
  // Part of the name of a test room, but another room.
  EXPECT_FALSE(is_unseen_test_room({"Office", "Office_idx_1"}));
  EXPECT_FALSE(is_unseen_test_room({"Cafe", "Cafe_idx_10"}));
}

TEST(AcousticRoomsSplits, SeenTestHoldsOutTheLastReceivers) {
  const auto held_out = [](std::int64_t n) {
    std::vector<std::int64_t> receivers;
    for (std::int64_t r = n; r >= 1; --r) {
      receivers.push_back(r);
    }
    return seen_test_receivers(receivers);
  };
  // As in the published list: 22..25 of 25. Its 16 of 100 are one more than the rule gives.
  EXPECT_EQ(held_out(25), (std::vector<std::int64_t>{22, 23, 24, 25}));
  EXPECT_EQ(held_out(100).size(), 15U);
  EXPECT_EQ(held_out(100).front(), 86);
  EXPECT_EQ(held_out(12), (std::vector<std::int64_t>{11, 12}));
  EXPECT_EQ(held_out(20).size(), 3U);
  EXPECT_EQ(held_out(1).size(), 1U);
  EXPECT_TRUE(held_out(0).empty());
  EXPECT_EQ(seen_test_receivers({3, 9, 4, 40}, 50), (std::vector<std::int64_t>{9, 40}));
  EXPECT_THROW(seen_test_receivers({1}, 101), ConfigError);
}

TEST_F(AcousticRooms, ReadsTheListOfTheSeenTest) {
  put("seen_test_split.json",
      R"(["Cafe/Cafe_idx_1/S001_R022_hybrid_IR.wav",
      "single_channel_ir/Office/Office_idx_10/S010_R025_hybrid_IR.wav"])");
  const std::vector<SeenRir> test{{kCafe, {1, 22}}, {kOffice10, {10, 25}}};
  EXPECT_EQ(layout().seen_test(), test);
  layout().write_seen_test(test);
  EXPECT_EQ(layout().seen_test(), test);
  EXPECT_EQ(
      io::read_json(root_ / "seen_test_split.json")[1],
      "Office/Office_idx_10/S010_R025_hybrid_IR.wav");
}

// ---- check

TEST_F(AcousticRooms, CheckFindsNothingInAGoodFolder) {
  write_room(kCafe, 2, 3);
  write_room(kOffice2, 2, 2);
  const AcousticRoomsReport report = check_acoustic_rooms(layout());
  EXPECT_EQ(report.rooms, 2);
  EXPECT_EQ(report.rirs, 10);
  EXPECT_EQ(report.metadata, 10);
  EXPECT_EQ(report.depths, 5);
  EXPECT_EQ(report.decoded, 10);
  EXPECT_EQ(report.problems(), std::vector<std::string>{});
  EXPECT_EQ(report.length.min, 500);
  EXPECT_EQ(report.length.max, 500);
  EXPECT_LT(report.peak_db.max, 0);
  EXPECT_GT(report.peak_db.min, -10);
  EXPECT_LE(report.level_db.min, report.level_db.max);
  EXPECT_GT(report.distance_m.min, 1.8);
  EXPECT_LT(report.distance_m.max, 3);
}

TEST_F(AcousticRooms, CheckFindsWhatATrainingWouldStumbleOver) {
  write_room(kCafe, 3, 4);
  const std::string sounds = "single_channel_ir/Cafe/Cafe_idx_1/";
  fs::remove(root_ / "metadata/Cafe/Cafe_idx_1/S002_R001.json");
  fs::remove(root_ / sounds / "S003_R002_hybrid_IR.wav");
  fs::remove(root_ / "depth_map/Cafe/Cafe_idx_1/2.npy");
  layout().write_positions(kOffice2, {1, 1}, {});
  io::Audio rir = noise(1);
  std::fill(rir.samples.begin(), rir.samples.end(), 0.0F);
  layout().write_rir(kCafe, {1, 1}, rir);
  rir.samples[0] = rir.samples[1] = 1;
  layout().write_rir(kCafe, {1, 2}, rir);
  io::write_wav(root_ / sounds / "S001_R003_hybrid_IR.wav", noise(2, 48'000));
  io::write_wav(root_ / sounds / "S001_R004_hybrid_IR.wav", noise(2, 22'050, 2));
  put(sounds + "S002_R004_hybrid_IR.wav", "damaged");
  torch::Tensor depth = depth_map();
  depth[3][4] = std::numeric_limits<float>::infinity();
  layout().write_depth(kCafe, 3, depth);
  layout().write_depth(kCafe, 4, depth_map(64));
  const AcousticRoomsReport report = check_acoustic_rooms(layout());
  const auto names = [](const AcousticRoomsFinding& finding) {
    EXPECT_EQ(finding.count, static_cast<std::int64_t>(finding.names.size()));
    return finding.names;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(report.rooms, 2);
  EXPECT_EQ(names(report.rir_without_metadata), Names{"Cafe/Cafe_idx_1/S002_R001"});
  EXPECT_EQ(
      names(report.metadata_without_rir),
      (Names{"Cafe/Cafe_idx_1/S003_R002", "Office/Office_idx_2/S001_R001"}));
  EXPECT_EQ(names(report.receiver_without_depth), Names{"Cafe/Cafe_idx_1/R002"});
  EXPECT_EQ(names(report.room_without_mesh), Names{"Office/Office_idx_2"});
  EXPECT_EQ(names(report.silent), Names{"Cafe/Cafe_idx_1/S001_R001"});
  EXPECT_EQ(names(report.clipped), Names{"Cafe/Cafe_idx_1/S001_R002"});
  EXPECT_EQ(names(report.other_sample_rate), Names{"Cafe/Cafe_idx_1/S001_R003 (48000 Hz)"});
  EXPECT_EQ(names(report.not_mono), Names{"Cafe/Cafe_idx_1/S001_R004 (2 channels)"});
  EXPECT_EQ(report.unreadable.count, 1);
  EXPECT_NE(report.unreadable.names[0].find("S002_R004_hybrid_IR.wav"), std::string::npos);
  EXPECT_EQ(names(report.odd_depth), (Names{"Cafe/Cafe_idx_1/R003", "Cafe/Cafe_idx_1/R004"}));
  EXPECT_EQ(report.decoded, 11);
  EXPECT_EQ(report.problems().size(), 10U);
  EXPECT_EQ(report.problems()[0], "sounds without positions: 1 (Cafe/Cafe_idx_1/S002_R001)");
}

TEST_F(AcousticRooms, CheckShowsTheFirstNamesAndDecodesAnEvenShare) {
  write_room(kCafe, 5, 4);
  write_room(kOffice2, 5, 4);
  fs::remove_all(root_ / "metadata");
  const AcousticRoomsReport report = check_acoustic_rooms(layout(), {.limit = 7, .names = 3});
  EXPECT_EQ(report.decoded, 7);
  EXPECT_EQ(report.rir_without_metadata.count, 40);
  EXPECT_EQ(report.rir_without_metadata.names.size(), 3U);
  EXPECT_TRUE(report.problems()[0].ends_with(", ...)"));
}

}  // namespace
}  // namespace mmi::data::formats
