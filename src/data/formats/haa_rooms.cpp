#include <set>
#include <utility>

#include "mmi/base/errors.h"
#include "mmi/data/formats/haa.h"

namespace mmi::data::formats {
namespace {

constexpr double kInch = 0.0254;

HaaPlane parallelogram(const std::string& name, Point3 origin, Point3 first, Point3 second) {
  Point3 far{};
  for (std::size_t i = 0; i < 3; ++i) {
    far[i] = first[i] + second[i] - origin[i];
  }
  return {name, {origin, first, far, second}};
}

std::vector<HaaPlane> box(const Point3& size) {
  const auto [x, y, z] = size;
  return {
      parallelogram("wall_y_min", {0, 0, 0}, {0, 0, z}, {x, 0, 0}),
      parallelogram("wall_y_max", {0, y, 0}, {x, y, 0}, {0, y, z}),
      parallelogram("floor", {0, 0, 0}, {x, 0, 0}, {0, y, 0}),
      parallelogram("ceiling", {0, 0, z}, {0, y, z}, {x, 0, z}),
      parallelogram("wall_x_min", {0, 0, 0}, {0, y, 0}, {0, 0, z}),
      parallelogram("wall_x_max", {x, 0, 0}, {x, 0, z}, {x, y, 0})};
}

/// Their edges fall by 3/4 inch towards the middle of the room.
void add_classroom_tables(std::vector<HaaPlane>& planes, const Point3& size) {
  const auto [x, y, z] = size;
  const double high = 29 * kInch;
  const double low = 28.25 * kInch;
  planes.push_back(parallelogram(
      "table_left", {0, 96 * kInch, high}, {30 * kInch, 96 * kInch, low}, {0, y, high}));
  planes.push_back(parallelogram(
      "table_right", {x, 23.75 * kInch, high}, {x, y, high}, {x - 30 * kInch, 23.75 * kInch, low}));
  planes.push_back(parallelogram(
      "table_middle",
      {4.474256, 89 * kInch, high},
      {4.474256, y, high},
      {2.935758, 89 * kInch, low}));
}

/// Four upright sides; the top is `lean` further in y than the foot.
void add_pillar(
    std::vector<HaaPlane>& planes,
    const std::string& name,
    Point3 foot,
    double width_x,
    double width_y,
    double lean = 0) {
  constexpr double kHeight = 3.055;
  const auto [x, y, z] = foot;
  const double x1 = x + width_x;
  const double y1 = y + width_y;
  const auto side = [&](const char* which, double xa, double ya, double xb, double yb) {
    planes.push_back(
        parallelogram(name + which, {xa, ya, z}, {xa, ya + lean, z + kHeight}, {xb, yb, z}));
  };
  side("_y_min", x, y, x1, y);
  side("_y_max", x, y1, x1, y1);
  side("_x_min", x, y, x, y1);
  side("_x_max", x1, y, x1, y1);
}

constexpr double kComplexX = 8.374;
constexpr double kComplexY = 13.014;
constexpr double kDoorX = 5.387;  ///< corner that the door cuts out of the room
constexpr double kDoorY = 12.026;
constexpr double kDoorZ = 2.945;
constexpr double kPanelZ = 3.05;

void add_complex_walls(std::vector<HaaPlane>& planes) {
  constexpr double x = kComplexX, y = kComplexY, apex_z = 6.086, panel_top = 4.389;
  const auto add = [&](const char* name, Point3 a, Point3 b, Point3 c) {
    planes.push_back(parallelogram(name, a, b, c));
  };
  add("wall_x_min", {0, 0, 0}, {0, 0, 2.265}, {0, y, 0});
  add("wall_y_min", {0, 0, 0}, {0, 0, 2.644}, {x, 0, 0});
  add("gable_y_min", {0, 0, kPanelZ}, {0, 0, apex_z}, {x, 0, kPanelZ});
  add("wall_y_max", {0, y, 0}, {0, y, kPanelZ}, {x, y, 0});
  add("gable_y_max", {0, y, kPanelZ}, {0, y, apex_z}, {x, y, kPanelZ});
  add("wall_door", {kDoorX, kDoorY, 0}, {kDoorX, kDoorY, kDoorZ}, {x, kDoorY, 0});
  add("glass", {kDoorX, kDoorY, 0}, {kDoorX, kDoorY, kDoorZ}, {kDoorX, y, 0});
  add("lintel", {kDoorX, y, kDoorZ}, {x, y, kDoorZ}, {kDoorX, kDoorY, kDoorZ});
  add("wall_x_max", {x, kDoorY, 0}, {x, 0, 0}, {x, kDoorY, kPanelZ});
  add("panel_x_max", {x, 0, kPanelZ}, {x, y, kPanelZ}, {x, 0, panel_top});
  add("overhang_below", {0, 0, 2.644}, {x, 0, 2.644}, {0, 0.795, 2.644});
  add("overhang_front", {0, 0.795, 2.644}, {0, 0.795, 3.807}, {x, 0.795, 2.644});
  add("overhang_above", {0, 0, 3.807}, {0, 0.795, 3.807}, {x, 0, 3.807});
  add("slant", {0, 0, 2.265}, {0, y, 2.265}, {0.92, 0, 2.942});
  add("riser", {0.92, 0, 2.942}, {0.92, y, 2.942}, {0.92, 0, 3.309});
  add("roof_x_min", {0.92, 0, 3.309}, {0.92, y, 3.309}, {3.266, 0, apex_z});
  add("roof_x_max", {x, 0, panel_top}, {x, y, panel_top}, {3.266, 0, apex_z});
  add("floor", {0, 0, 0}, {0, y, 0}, {x, 0, 0});
}

std::vector<HaaPlane> complex_planes(bool parity) {
  std::vector<HaaPlane> planes;
  add_complex_walls(planes);
  if (!parity) {
    planes.push_back(parallelogram(
        "above_lintel",
        {kComplexX, kDoorY, kDoorZ},
        {kComplexX, kComplexY, kDoorZ},
        {kComplexX, kDoorY, kPanelZ}));
  }
  planes.push_back(parallelogram(
      "table", {kComplexX, 0, 0.736}, {kComplexX, 10.681, 0.736}, {kComplexX - 0.761, 0, 0.736}));
  add_pillar(planes, "pillar_1", {4.002, 4.488, 0}, 0.646, 0.649);
  const double foot = 4.488 + 0.649;
  const double middle = 7.178;
  add_pillar(
      planes,
      "pillar_2",
      {4.004, parity ? foot : middle, 0},
      0.654,
      0.937,
      parity ? middle - foot : 0);
  add_pillar(planes, "pillar_3", {3.997, 10.249, 0}, 0.647, 0.649);
  planes.push_back(
      {"triangle_1", {{2.927, 2.955, 0.906}, {5.613, 4.378, 0.906}, {4.329, 5.444, 0.906}}});
  planes.push_back(
      {"triangle_2", {{5.614, 7.738, 0.906}, {3.217, 7.738, 0.906}, {4.329, 5.444, 0.906}}});
  return planes;
}

}  // namespace

const std::array<HaaRoom, 4>& haa_rooms() {
  static const std::array<HaaRoom, 4> rooms{{
      {"classroom",
       {7.1247, 7.9248, 2.7432},
       {3.5838, 5.7230, 1.2294},
       630,
       {0, 57, 114, 171, 228, 285, 342, 399, 456, 513, 570, 627},
       5,
       10,
       true},
      {"dampened",
       {4.85, 5.195, 2.731},
       {2.4542, 2.4981, 1.2654},
       276,
       {0, 23, 46, 69, 104, 115, 138, 161, 184, 207, 230, 253},
       5,
       6,
       true},
      {"hallway",
       {1.529, 18.098, 2.7564},
       {0.6870, 10.2452, 0.5367},
       576,
       {5, 58, 99, 148, 203, 241, 296, 342, 384, 441, 482, 535},
       5,
       50,
       true},
      {"complex",
       {kComplexX, kComplexY, 6.086},
       {2.8377, 10.1228, 1.1539},
       408,
       {5, 47, 82, 117, 145, 187, 220, 255, 290, 342, 372, 404},
       4,
       10,
       false},
  }};
  return rooms;
}

const HaaRoom& haa_room(const std::string& name) {
  std::string known;
  for (const HaaRoom& room : haa_rooms()) {
    if (room.name == name) {
      return room;
    }
    known += (known.empty() ? "" : ", ") + room.name;
  }
  throw ConfigError(format("\"{}\" is no room of Hearing Anything Anywhere, only {}", name, known));
}

std::vector<std::int64_t> haa_split(const HaaRoom& room, HaaSplit split) {
  const std::set<std::int64_t> train(room.train.begin(), room.train.end());
  MMI_CHECK(
      ConfigError,
      *train.begin() >= 0 && *train.rbegin() < room.count,
      "{}: training indices must lie in 0..{}, but reach from {} to {}",
      room.name,
      room.count - 1,
      *train.begin(),
      *train.rbegin());
  if (split == HaaSplit::kTrain) {
    return {room.train.begin(), room.train.end()};
  }
  std::vector<std::int64_t> xrir_test;
  std::vector<std::int64_t> valid;
  std::vector<std::int64_t> test;
  bool take = true;
  for (std::int64_t i = 0; i < room.count; ++i) {
    if (train.contains(i)) {
      continue;
    }
    const bool odd = i % 2 == 1;
    if (odd) {
      xrir_test.push_back(i);
    }
    const bool eligible = odd || !room.valid_is_odd;
    (eligible && take ? valid : test).push_back(i);
    take = eligible ? !take : take;
  }
  return split == HaaSplit::kXrirTest ? xrir_test : split == HaaSplit::kHaaValid ? valid : test;
}

std::vector<HaaPlane> haa_planes(const std::string& room, bool parity) {
  const HaaRoom& found = haa_room(room);
  if (found.name == "complex") {
    return complex_planes(parity);
  }
  std::vector<HaaPlane> planes = box(found.size);
  if (found.name == "classroom") {
    add_classroom_tables(planes, found.size);
  }
  return planes;
}

}  // namespace mmi::data::formats
