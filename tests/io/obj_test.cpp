#include "mmi/io/obj.h"

#include <cmath>
#include <limits>

#include "helpers.h"
#include "mmi/base/files.h"
#include "mmi/base/rng.h"

namespace mmi::io {
namespace {

using Corners = std::vector<std::int32_t>;

ObjMesh parse(const std::string& text) {
  return parse_obj(text, "room.obj");
}

std::string square(const std::string& rest) {
  return "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n" + rest;
}

Corners corners(const ObjMesh& mesh, std::size_t face) {
  const auto found = mesh.corners_of(mesh.faces.at(face));
  return {found.begin(), found.end()};
}

ObjMesh room() {
  ObjMesh mesh;
  mesh.vertices = {
      {0, 0, 0},
      {0.1, -1.0 / 3, 1e-310},
      {std::numeric_limits<double>::max(), 1e-17, -0.0},
      {3.837500095367432, std::numeric_limits<double>::denorm_min(), 6}};
  mesh.libraries = {"room.mtl"};
  mesh.add_face(Corners{0, 1, 2}, "room", "wall", "brick, painted");
  mesh.add_face(Corners{0, 1, 2, 3}, "room", "wall north", "brick, painted");
  mesh.add_face(Corners{3, 3, 1}, "", "", "glass");
  mesh.add_face(Corners{0, 2, 3}, "table #2", "wall");
  return mesh;
}

class Obj : public test::InFolder {};

TEST_F(Obj, ReadsWhatTrimeshWrites) {
  // AcousticRooms' meshes hold triangles that use a vertex twice.
  const ObjMesh mesh = parse(
      "# https://github.com/mikedh/trimesh\nv -2.50000000 3.83750010 2.09999990\n"
      "v -3.75000000 3.83750010 3.04999995\nv 1 2 3\n\nf 1 2 3\nf 3 2 2\n");
  ASSERT_EQ(mesh.vertices.size(), 3U);
  EXPECT_EQ(mesh.vertices[0], (std::array<double, 3>{-2.5, 3.8375001, 2.0999999}));
  EXPECT_EQ(corners(mesh, 0), (Corners{0, 1, 2}));
  EXPECT_EQ(corners(mesh, 1), (Corners{2, 1, 1}));
  EXPECT_EQ(mesh.faces[1].object, -1);
  EXPECT_EQ(mesh.faces[1].group, -1);
  EXPECT_EQ(mesh.faces[1].material, -1);
}

TEST_F(Obj, ReadsAllFormsOfCorners) {
  const std::string extras = "vt 0 0\nvt 1 0\nvt 0 1\nvn 0 0 1\n";
  const ObjMesh mesh = parse(
      square(extras) + "f 1 2 3 4\nf 1/1 2/2 3/3\nf 1//1 2//1 3//1\nf 1/1/1 2/2/1 3/3/-1\n" +
      "f -4 -3 -2\nv 9 9 9\nf -1/-1 -2 1\n");
  ASSERT_EQ(mesh.faces.size(), 6U);
  EXPECT_EQ(corners(mesh, 0), (Corners{0, 1, 2, 3}));
  for (const std::size_t face : {1, 2, 3, 4}) {
    EXPECT_EQ(corners(mesh, face), (Corners{0, 1, 2})) << face;
  }
  EXPECT_EQ(corners(mesh, 5), (Corners{4, 3, 0}));
}

TEST_F(Obj, KeepsNamesOfEachFace) {
  const ObjMesh mesh =
      parse(square("mtllib a b.mtl\no room\ng wall north\nusemtl brick, painted\nf 1 2 3\nusemtl "
                   "glass\ng unused\n"
                   "g wall south\nf 1 2 4\ng\nusemtl brick, painted\nf 2 3 4\no\nf 1 3 4\n"));
  EXPECT_EQ(mesh.objects, std::vector<std::string>{"room"});
  EXPECT_EQ(mesh.groups, (std::vector<std::string>{"wall north", "wall south"}));
  EXPECT_EQ(mesh.materials, (std::vector<std::string>{"brick, painted", "glass"}));
  EXPECT_EQ(mesh.libraries, std::vector<std::string>{"a b.mtl"});
  EXPECT_EQ(mesh.faces[1].group, 1);
  EXPECT_EQ(mesh.faces[1].material, 1);
  EXPECT_EQ(mesh.faces[2].group, -1);
  EXPECT_EQ(mesh.faces[2].material, 0);
  EXPECT_EQ(mesh.faces[2].object, 0);
  EXPECT_EQ(mesh.faces[3].object, -1);
}

TEST_F(Obj, AllowsForwardUseCommentsContinuationAndWindowsLines) {
  const ObjMesh mesh = parse(
      "f 1 2 \\\r\n  3\r\nv 0 0 0 1 0.5 0.5 # red\r\n\tv\t+1 0 1e-400\r\nv 1 1 0\r\ns off\r\nl 1 "
      "2\r\n");
  EXPECT_EQ(corners(mesh, 0), (Corners{0, 1, 2}));
  EXPECT_EQ(mesh.vertices[1], (std::array<double, 3>{1, 0, 0}));
}

TEST_F(Obj, GivesBackWhatWasWrittenToTheLastBit) {
  const ObjMesh mesh = room();
  write_obj(file("room.obj"), mesh);
  const ObjMesh read = read_obj(file("room.obj"));
  EXPECT_EQ(read, mesh);
  EXPECT_TRUE(std::signbit(read.vertices[2][2]));
  EXPECT_EQ(files_in_folder(), 1U);
  EXPECT_EQ(encode_obj(read), read_text(file("room.obj")));
}

TEST_F(Obj, GivesBackRandomCoordinates) {
  Rng rng(5);
  ObjMesh mesh;
  for (std::int32_t i = 0; i < 3000; ++i) {
    mesh.vertices.push_back({rng.normal(), rng.normal() * 1e6, rng.normal() * 1e-6});
    if (i > 2) {
      mesh.add_face(Corners{i, i - 1, i - 3}, "", i % 7 == 0 ? "a" : "b");
    }
  }
  EXPECT_EQ(parse(encode_obj(mesh)), mesh);
}

TEST_F(Obj, SaysTheLineOfWhatIsWrong) {
  EXPECT_ERROR(parse(square("f 1 2\n")), DataError, "room.obj: line 5: a face needs at least 3");
  EXPECT_ERROR(parse(square("f 1 2 0\n")), DataError, "line 5: '0' is no vertex");
  EXPECT_ERROR(parse(square("f 1 2 -5\n")), DataError, "'-5' is no vertex");
  EXPECT_ERROR(
      parse(square("f 1 2 3\nf 1 2 9\n")),
      DataError,
      "line 6: a face uses vertex 9, but the file has 4");
  EXPECT_ERROR(
      parse(square("f 1/1 2/1 3/1\n")), DataError, "uses texture coordinate 1, but the file has 0");
  EXPECT_ERROR(parse(square("f 1//1 2//1 3//1\n")), DataError, "uses normal 1");
  EXPECT_ERROR(parse(square("f 1/1/1/1 2 3\n")), DataError, "a corner must be");
  EXPECT_ERROR(parse(square("f 1.5 2 3\n")), DataError, "'1.5' is no vertex");
  EXPECT_ERROR(parse(square("f 1 2 99999999999999999999\n")), DataError, "is no vertex");
  EXPECT_ERROR(parse(square("f 1 2 4294967297\n")), DataError, "is no vertex");
  EXPECT_ERROR(parse("v 0 0\n"), DataError, "line 1: a vertex has 3 coordinates, but 2");
  EXPECT_ERROR(parse("v 0 0 nan\n"), DataError, "finite number, but is 'nan'");
  EXPECT_ERROR(parse("v 0 0 inf\n"), DataError, "finite number");
  EXPECT_ERROR(parse("v 0 0 1e999\n"), DataError, "finite number");
  EXPECT_ERROR(parse("v 0 0 1x\n"), DataError, "finite number");
  EXPECT_ERROR(parse(square("w 0 0 0\nf 1 2 3\n")), DataError, "line 5: 'w' is no keyword");
  EXPECT_ERROR(parse(std::string("\x89PNG\r\n")), DataError, "'?PNG' is no keyword");
  EXPECT_ERROR(parse(square("")), DataError, "has no face");
  EXPECT_ERROR(parse(""), DataError, "has no face");
  EXPECT_ERROR(read_obj(file("none.obj")), DataError, "none.obj");
}

TEST_F(Obj, StaysWithinItsLimits) {
  const ObjLimits bytes{20, 10};
  EXPECT_ERROR(parse_obj(square("f 1 2 3\n"), "a", bytes), DataError, "at most 20 B");
  std::string text = square("");
  for (int i = 0; i < 11; ++i) {
    text += format("g wall {}\nf 1 2 3\n", i);
  }
  const ObjLimits names{1 << 20, 10};
  EXPECT_ERROR(parse_obj(text, "a", names), DataError, "more than 10 names");
  EXPECT_ERROR(
      parse(square("g " + std::string(2000, 'x') + "\nf 1 2 3\n")), DataError, "at most 1024");
}

TEST_F(Obj, RefusesToWriteWhatCannotBeRead) {
  ObjMesh mesh = room();
  mesh.corners[0] = 4;
  EXPECT_ERROR(encode_obj(mesh), ShapeError, "vertex 4 of 4");
  mesh = room();
  mesh.faces[0].count = 100;
  EXPECT_ERROR(encode_obj(mesh), ShapeError, "at least 3 of the 13 corners");
  mesh = room();
  mesh.faces[0].count = 2;
  EXPECT_ERROR(encode_obj(mesh), ShapeError, "at least 3");
  mesh = room();
  mesh.faces[0].material = 7;
  EXPECT_ERROR(encode_obj(mesh), ShapeError, "the name 7 of 2");
  mesh = room();
  mesh.vertices[0][1] = std::nan("");
  EXPECT_ERROR(encode_obj(mesh), NumericError, "not finite");
  for (const char* name : {"two\nlines", " blank", "back\\", "\r"}) {
    mesh = room();
    mesh.groups[0] = name;
    EXPECT_ERROR(encode_obj(mesh), ConfigError, "cannot be a name");
  }
}

TEST_F(Obj, SurvivesRandomDamage) {
  const std::string text = encode_obj(room());
  Rng rng(11);
  int read = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string damaged = text;
    damaged[static_cast<std::size_t>(rng.integer(static_cast<std::int64_t>(damaged.size())))] =
        static_cast<char>(rng.integer(256));
    try {
      const ObjMesh mesh = parse(damaged);
      EXPECT_EQ(encode_obj(parse(encode_obj(mesh))), encode_obj(mesh));
      ++read;
    } catch (const DataError&) {
    }
  }
  EXPECT_GT(read, 100);
  EXPECT_LT(read, 2900);
}

}  // namespace
}  // namespace mmi::io
