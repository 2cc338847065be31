#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/worlds/rooms/export.h"
#include "mmi/worlds/rooms/scene_io.h"
#include "mmi/worlds/rooms/world.h"

namespace mmi::worlds::rooms {
namespace {

namespace fs = std::filesystem;

class RoomSceneIo : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }

  void TearDown() override {
    fs::remove_all(folder_);
  }

  fs::path file(const std::string& name, const std::string& text) const {
    atomic_write(folder_ / name, text);
    return folder_ / name;
  }

  static std::string error_of(const fs::path& path, const SceneReadOptions& options = {}) {
    try {
      read_scene(path, options);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }

  fs::path folder_ = fs::path(::testing::TempDir()) /
                     (std::string("room_scene_io_") +
                      ::testing::UnitTest::GetInstance()->current_test_info()->name());
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void expect_equal(const Scene& a, const Scene& b) {
  EXPECT_EQ(a.materials, b.materials);
  EXPECT_EQ(a.objects, b.objects);
  ASSERT_EQ(a.polygons.size(), b.polygons.size());
  for (std::size_t p = 0; p < a.polygons.size(); ++p) {
    EXPECT_EQ(a.polygons[p].corners, b.polygons[p].corners) << p;
    EXPECT_EQ(a.polygons[p].material, b.polygons[p].material) << p;
    EXPECT_EQ(a.polygons[p].object, b.polygons[p].object) << p;
  }
}

Scene furnished() {
  Scene scene = Scene::extrude(
      {{0, 0}, {6, 0}, {6, 2}, {3.1, 2}, {3.1, 5.3}, {0, 5.3}},
      2.7,
      {find_material("brick"), find_material("parquet"), Material::flat(1.0 / 3, 0.25)},
      {0, 1, 2});
  scene.add_box({1, 1, 0.01}, {2, 2, 1.01}, scene.material_index(find_material("cabinet")), "box");
  scene.add_box({4, 0.5, 0.7}, {5, 1, 0.75}, 0, "table top");
  return scene;
}

// A cube of 4 m whose faces are seen from outside, as most programs draw it.
std::string cube(const std::string& between = "", const std::string& last = "f 5 6 7 8\n") {
  return "v 0 0 0\nv 4 0 0\nv 4 4 0\nv 0 4 0\nv 0 0 4\nv 4 0 4\nv 4 4 4\nv 0 4 4\n" + between +
         "f 4 3 2 1\nf 1 2 6 5\nf 2 3 7 6\nf 3 4 8 7\nf 4 1 5 8\n" + last;
}

TEST_F(RoomSceneIo, WritingAndReadingGiveTheSameScene) {
  const Scene scene = furnished();
  write_scene(folder_ / "room.obj", scene);
  const Scene back = read_scene(folder_ / "room.obj");
  expect_equal(scene, back);
  EXPECT_EQ(back.polygons[0].corners.size(), 4U) << "quads stay quads";
  EXPECT_TRUE(back.check().problems.empty());
  EXPECT_DOUBLE_EQ(back.volume_m3(), scene.volume_m3());
  write_scene(folder_ / "again.obj", back);
  EXPECT_EQ(
      read_text(folder_ / "room.materials.json"), read_text(folder_ / "again.materials.json"));
}

TEST_F(RoomSceneIo, NamesThatOccurTwiceGetANumber) {
  Scene scene = Scene::shoebox({6, 5, 3}, Material::flat(0.1));
  const int other = scene.material_index(Material::flat(0.7));
  for (const char* name : {"chair", "chair", "room"}) {
    const double x = static_cast<double>(scene.objects.size());
    scene.add_box({x, 1, 0.1}, {x + 0.5, 2, 1}, other, name);
  }
  write_scene(folder_ / "room.obj", scene);
  const Scene back = read_scene(folder_ / "room.obj");
  EXPECT_EQ(back.objects, (std::vector<std::string>{"room", "chair", "chair_2", "room_2"}));
  EXPECT_EQ(back.materials[1].name, "flat_2");
  EXPECT_EQ(back.materials[1].absorption, scene.materials[1].absorption);
  EXPECT_DOUBLE_EQ(back.volume_m3(), scene.volume_m3());
}

TEST_F(RoomSceneIo, FrontsTurnTowardsTheAir) {
  const Scene scene = read_scene(file("cube.obj", cube("usemtl brick\n")));
  EXPECT_DOUBLE_EQ(scene.volume_m3(), 64);
  EXPECT_TRUE(scene.check().problems.empty());
  EXPECT_EQ(scene.materials, std::vector<Material>{find_material("brick")});
}

TEST_F(RoomSceneIo, AGroupForEachWallIsOneRoomAndClosedPartsAreFurniture) {
  std::string text = cube("g floor\nusemtl parquet\n", "g ceiling\nusemtl concrete\nf 5 6 7 8\n");
  text += "g crate\nusemtl cabinet\n";
  for (const char* corner :
       {"1 1 1", "2 1 1", "2 2 1", "1 2 1", "1 1 2", "2 1 2", "2 2 2", "1 2 2"}) {
    text += std::string("v ") + corner + "\n";
  }
  text += "f 9 10 11 12\nf 9 13 14 10\nf 10 14 15 11\nf 11 15 16 12\nf 12 16 13 9\nf 16 15 14 13\n";
  const Scene scene = read_scene(file("groups.obj", text));
  EXPECT_EQ(scene.objects, (std::vector<std::string>{"room", "crate"}));
  EXPECT_EQ(
      std::count_if(
          scene.polygons.begin(),
          scene.polygons.end(),
          [](const Polygon& p) { return p.object == 0; }),
      6);
  EXPECT_DOUBLE_EQ(scene.volume_m3(), 63);
  EXPECT_FALSE(scene.contains({1.5, 1.5, 1.5}));
  EXPECT_TRUE(scene.check().problems.empty());
}

TEST_F(RoomSceneIo, BentAndDentedFacesAreCut) {
  // The ceiling has one corner that is 30 cm higher.
  std::string bent = cube("usemtl brick\n");
  bent.replace(bent.find("v 4 4 4"), 7, "v 4 4 4.3");
  const Scene tent = read_scene(file("bent.obj", bent));
  EXPECT_EQ(tent.polygons.size(), 7U);
  EXPECT_TRUE(tent.check().problems.empty());
  EXPECT_NEAR(tent.volume_m3(), 64.8, 1e-9) << "cut between its low corners";

  std::string ell = "usemtl brick\n";
  for (const char* z : {" 0\n", " 3\n"}) {
    for (const char* corner : {"0 0", "6 0", "6 2", "3 2", "3 5", "0 5"}) {
      ell += std::string("v ") + corner + z;
    }
  }
  ell += "f 6 5 4 3 2 1\nf 7 8 9 10 11 12\n";
  for (int i = 1; i <= 6; ++i) {
    const int j = i % 6 + 1;
    ell += format("f {} {} {} {}\n", i, j, j + 6, i + 6);
  }
  const Scene scene = read_scene(file("ell.obj", ell));
  EXPECT_EQ(scene.polygons.size(), 6U + 2 * 2);
  EXPECT_DOUBLE_EQ(scene.volume_m3(), 63);
  EXPECT_TRUE(scene.check().problems.empty());
}

TEST_F(RoomSceneIo, SliversThatDrawingProgramsLeaveAreDropped) {
  // As in a hall of MORSE's simulator: a quad 10 micrometres wide whose corners go back and forth.
  const std::string sliver = "v 1.00004 1.3 0\nv 1.00005 2.0 0\nv 1.00005 2.1 0\nv 1.00004 1.2 0\n";
  const Scene scene =
      read_scene(file("room.obj", "usemtl brick\n" + cube() + sliver + "f 10 9 12 11\n"));
  EXPECT_EQ(scene.polygons.size(), 6U);
  EXPECT_TRUE(scene.check().problems.empty());
}

TEST_F(RoomSceneIo, WrongUnitsAreRefusedWithTheScaleThatHelps) {
  std::string text = "usemtl brick\n";
  for (const char c : cube()) {
    text += c == '4' && !has(text, "f ") ? "4000" : std::string(1, c);
  }
  const fs::path path = file("millimetres.obj", text);
  EXPECT_TRUE(has(error_of(path), "if it is in millimetres, scale=0.001 helps")) << error_of(path);
  const Scene scene = read_scene(path, {0.001});
  EXPECT_NEAR(scene.volume_m3(), 64, 1e-9);
  EXPECT_EQ(scene.polygons.size(), 6U) << "what is flat is told in metres";
  EXPECT_TRUE(has(error_of(path, {1e-6}), "scale=0.001")) << "advice is for the file's numbers";
  EXPECT_TRUE(has(error_of(file("cm.yaml", "shoebox: [600, 400, 250]\n")), "scale=0.01 helps"));
  EXPECT_TRUE(has(error_of(file("km.yaml", "shoebox: [.006, .004, .003]\n")), "scale=1000"));
  EXPECT_THROW(read_scene(path, {0}), ConfigError);
  EXPECT_THROW(read_scene(path, {NAN}), ConfigError);
}

TEST_F(RoomSceneIo, UnknownMaterialsAreNamedOrReplaced) {
  const fs::path path = file("cube.obj", cube("usemtl brik\n"));
  EXPECT_TRUE(has(error_of(path), "did you mean \"brick\"?")) << error_of(path);
  EXPECT_TRUE(has(error_of(path), "default_material")) << error_of(path);
  EXPECT_EQ(read_scene(path, {1, "glass"}).materials[0], find_material("glass"));
  EXPECT_THROW(read_scene(path, {1, "glas"}), ConfigError);
  EXPECT_TRUE(has(error_of(file("bare.obj", cube())), "face 1 has no material"));

  file(
      "cube.materials.json",
      R"([{"name": "brik", "category": "Walls", "description": "", "scatter_coef": 0.4,
           "absorption_coef": [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 1],
           "reflection_coef": {"real": [1, 1], "imag": [0, 0]}}])");
  const Scene scene = read_scene(path);
  ASSERT_EQ(scene.materials.size(), 1U);
  EXPECT_EQ(scene.materials[0].absorption[3], 0.3F);
  EXPECT_EQ(scene.materials[0].scattering, 0.4);
}

TEST_F(RoomSceneIo, DamagedFilesSayWhatIsWrong) {
  EXPECT_THROW(read_scene(folder_ / "nothing.obj"), DataError);
  EXPECT_THROW(read_scene(folder_ / "nothing.yaml"), ConfigError);
  EXPECT_THROW(read_scene(file("room.stl", "solid\n")), ConfigError);
  EXPECT_THROW(read_scene(file("torn.obj", "v 0 0\nf 1 2 3\n")), DataError);
  EXPECT_THROW(
      read_scene(file("line.obj", "usemtl brick\nv 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n")),
      DataError);
  const std::string bow =
      error_of(file("bow.obj", "usemtl brick\nv 0 0 0\nv 3 3 0\nv 3 0 0\nv 0 2 0\nf 1 2 3 4\n"));
  EXPECT_TRUE(has(bow, "face 1 crosses")) << bow;
  file("cube.materials.json", R"([{"name": "brick", "absorbtion_coef": [1]}])");
  const std::string key = error_of(file("cube.obj", cube("usemtl brick\n")));
  EXPECT_TRUE(has(key, "absorption_coef")) << key;
  file(
      "cube.materials.json",
      R"([{"name": "a", "absorption_coef": 0.1}, {"name": "a", "absorption_coef": 0.1}])");
  EXPECT_TRUE(has(error_of(folder_ / "cube.obj"), "occurs twice"));
  file("cube.materials.json", R"([{"name": "a", "absorption_coef": 1.5}])");
  EXPECT_TRUE(has(error_of(folder_ / "cube.obj"), "[0, 1]"));
}

TEST_F(RoomSceneIo, DescriptionsAreRooms) {
  const Scene box = read_scene(file(
      "box.yaml",
      "shoebox: [6, 4, 3]\n"
      "walls: {absorption: 0.2, scattering: 0.3}\n"
      "floor: thin_carpet\n"
      "furniture:\n"
      "  - {name: sofa, low: [1, 1, 0.01], high: [3, 2, 0.8], material: upholstered_chairs}\n"
      "  - {low: [4, 1, 0.01], high: [5, 2, 0.8], material: {absorption: [0, 0, 0, 0, 1, 1, 1, "
      "1]}}\n"));
  EXPECT_EQ(box.objects, (std::vector<std::string>{"room", "sofa", "furniture"}));
  EXPECT_NEAR(box.volume_m3(), 72 - 1.58 - 0.79, 1e-9);
  EXPECT_TRUE(box.check().problems.empty());
  EXPECT_EQ(box.materials[0].name, "walls");
  EXPECT_EQ(box.materials[0].absorption[7], 0.2F);
  EXPECT_EQ(box.materials[0].scattering, 0.3);
  EXPECT_EQ(box.materials[1], find_material("thin_carpet"));
  EXPECT_EQ(box.materials.back().absorption[4], 1.0F);
}

TEST_F(RoomSceneIo, EveryWallMayHaveItsMaterialInEitherDirection) {
  const std::string rest = "height: 3\nwalls: [brick, glass, tiles, hard_wall]\n";
  for (const std::string plan :
       {"plan: [[0, 0], [6, 0], [6, 4], [0, 4]]\n", "plan: [[0, 0], [0, 4], [6, 4], [6, 0]]\n"}) {
    const Scene scene = read_scene(file("walls.yaml", plan + rest));
    EXPECT_NEAR(scene.volume_m3(), 72, 1e-9);
    const bool turned = has(plan, "[0, 0], [0, 4]");
    for (const Polygon& wall : scene.polygons) {
      const auto all = [&](auto of) {
        return std::all_of(wall.corners.begin(), wall.corners.end(), of);
      };
      const std::string& name = scene.materials[static_cast<std::size_t>(wall.material)].name;
      if (all([](Vec3 c) { return c.y == 0; })) {
        EXPECT_EQ(name, turned ? "hard_wall" : "brick") << plan;
      } else if (all([](Vec3 c) { return c.x == 6; })) {
        EXPECT_EQ(name, turned ? "tiles" : "glass") << plan;
      } else if (all([](Vec3 c) { return c.y == 4; })) {
        EXPECT_EQ(name, turned ? "glass" : "tiles") << plan;
      } else if (all([](Vec3 c) { return c.x == 0; })) {
        EXPECT_EQ(name, turned ? "brick" : "hard_wall") << plan;
      }
    }
  }
}

TEST_F(RoomSceneIo, MistakesInDescriptionsAreExplained) {
  const auto said = [&](const std::string& text) { return error_of(file("bad.yaml", text)); };
  EXPECT_TRUE(has(said("shoebx: [6, 4, 3]\n"), "shoebox"));
  EXPECT_TRUE(has(said("shoebox: [6, 4]\n"), "three numbers"));
  EXPECT_TRUE(has(said("shoebox: [6, 4, 3]\nplan: [[0, 0], [1, 0], [1, 1]]\n"), "either"));
  EXPECT_TRUE(has(said("floor: parquet\n"), "either"));
  EXPECT_TRUE(has(said("plan: [[0, 0], [5, 0], [5, 5]]\n"), "height"));
  EXPECT_TRUE(has(said("plan: [[0, 0], [5, 5], [5, 0], [0, 5]]\nheight: 3\n"), "crosses"));
  EXPECT_TRUE(has(said("shoebox: [6, 4, 3]\nfloor: parket\n"), "did you mean \"parquet\"?"));
  EXPECT_TRUE(has(said("shoebox: [6, 4, 3]\nwalls: [brick, glass]\n"), "one for each wall"));
  EXPECT_TRUE(has(said("shoebox: [6, 4, 3]\nwalls: {scattering: 0.1}\n"), "needs absorption"));
  EXPECT_TRUE(has(said("shoebox: [6, 4, 3]\nwalls: {absorption: 1.2}\n"), "[0, 1]"));
  EXPECT_TRUE(has(said("shoebox: [6, 4, 3]\nwalls: {absorption: [0.1, 0.2]}\n"), "or 8"));
  EXPECT_TRUE(has(said("shoebox: [6, 4, 3]\nwalls: 3\n"), "walls: must be the name of a material"));
  EXPECT_TRUE(has(
      said("shoebox: [6, 4, 3]\nfurniture: [{low: [1, 1, 1], high: [2, 1, 2]}]\n"), "below high"));
  EXPECT_TRUE(has(said("shoebox: [6, 4, 3]\nfurniture: [{lo: [1, 1, 1]}]\n"), "low"));
}

TEST_F(RoomSceneIo, RoomsOfAcousticRoomsTakeTheMaterialsOfTheirLayers) {
  const data::formats::AcousticRoomsLayout layout(folder_);
  const data::formats::AcousticRoom room{"Cafe", "Cafe_idx_1"};
  const auto material = [](const char* name, double absorption) {
    data::formats::AcousticMaterial made{name, "kind", "", {}, {}, 0.2};
    made.absorption.fill(absorption);
    return made;
  };
  layout.write_materials("Walls", {material("Brick, painted", 0.04), material("Plaster", 0.1)});
  data::formats::AcousticSimulation simulation;
  simulation.name = room.name;
  simulation.receivers = {{1, 1, 1}};
  simulation.sources = {{2, 2, 1}};
  simulation.layers = {{"Wall", "Brick, painted", {0.35}}, {"Ceiling", "Plaster", {}}};
  layout.write_simulation(room, simulation);
  layout.write_mesh(room, io::parse_obj(cube("g Wall\n", "g Ceiling\nf 5 6 7 8\n"), "cube"));
  const Scene scene = read_acoustic_room(layout, room);
  EXPECT_EQ(scene.objects.size(), 1U);
  EXPECT_NEAR(scene.volume_m3(), 64, 1e-12);
  const auto& wall = scene.materials[static_cast<std::size_t>(scene.polygons[0].material)];
  EXPECT_EQ(wall.absorption[0], 0.04F);
  EXPECT_EQ(wall.scattering, 0.35);
  const auto& ceiling = scene.materials[static_cast<std::size_t>(scene.polygons[5].material)];
  EXPECT_EQ(ceiling.absorption[0], 0.1F);
  EXPECT_EQ(ceiling.scattering, 0.2);
}

TEST_F(RoomSceneIo, RoomsOfTheWorldComeBackFromTheirLayout) {
  const data::formats::AcousticRoomsLayout layout(folder_);
  write_material_library(layout);
  for (const std::int64_t number : {0, 3, 7}) {
    const WorldRoom room = make_room(5, number, 1, 1);
    write_room(layout, room, {1, 1, 10, std::vector<float>(10, 0.0F), 1}, {});
    const Scene scene = read_acoustic_room(layout, {room.category, room.name()});
    EXPECT_TRUE(scene.check().problems.empty()) << room.name();
    EXPECT_NEAR(scene.volume_m3(), room.scene.volume_m3(), 1e-9);
    ASSERT_EQ(scene.polygons.size(), room.scene.polygons.size());
    for (std::size_t p = 0; p < scene.polygons.size(); ++p) {
      EXPECT_EQ(scene.polygons[p].corners, room.scene.polygons[p].corners);
      const auto scattering = [p](const Scene& of) {
        return of.materials.at(static_cast<std::size_t>(of.polygons[p].material)).scattering;
      };
      EXPECT_EQ(scattering(scene), scattering(room.scene));
    }
  }
}

}  // namespace
}  // namespace mmi::worlds::rooms
