#include "worlds/room_scene_yaml.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "mmi/base/config.h"
#include "mmi/worlds/rooms/scene_io.h"

namespace mmi::worlds::rooms {
namespace {

/// One number for all bands, or eight.
struct Absorption {
  std::optional<Bands> bands;
};

/// A material by its name in the library, or written out.
struct Finish {
  Material material;
};

struct Finishes {
  std::vector<Finish> each;
};

}  // namespace
}  // namespace mmi::worlds::rooms

namespace mmi::config {

namespace rooms = worlds::rooms;

template <>
struct Codec<rooms::Absorption, void> {
  static std::string type() {
    return "float or list of 8";
  }

  static void read(
      rooms::Absorption& v, const Node& n, const std::string& path, const Range& r, Problems& p) {
    if (n.kind != Node::Kind::kList) {
      double all = 0;
      if (read_float(n, path, r, p, all)) {
        v.bands.emplace().fill(static_cast<float>(all));
      }
      return;
    }
    std::vector<float> each;
    Codec<std::vector<float>>::read(each, n, path, r, p);
    if (each.size() != rooms::kBands) {
      p.add(
          n.origin, path, format("needs one value or 8 (63 Hz to 8 kHz), but has {}", each.size()));
      return;
    }
    std::copy(each.begin(), each.end(), v.bands.emplace().begin());
  }

  static Node write(const rooms::Absorption& v, bool identity_only = false) {
    return v.bands ? Codec<std::vector<float>>::write({v.bands->begin(), v.bands->end()}) : Node();
  }
};

}  // namespace mmi::config

namespace mmi::worlds::rooms {
namespace {

struct InlineMaterial {
  std::string name;
  Absorption absorption;
  double scattering = 0.1;

  static const config::Schema& schema() {
    using C = InlineMaterial;
    static const config::Schema made =
        config::Table<C>("room_material", "a material written out")
            .field("name", &C::name, "of the material; default: of what is made of it")
            .field(
                "absorption",
                &C::absorption,
                "share of the energy, 63 Hz to 8 kHz or one for all",
                config::between(0, 1))
            .field(
                "scattering",
                &C::scattering,
                "share of the reflected energy that leaves diffusely",
                config::between(0, 1))
            .check([](const C& c, config::Problems& problems) {
              if (!c.absorption.bands) {
                problems.add("needs absorption: one value, or 8 for 63 Hz to 8 kHz");
              }
            });
    return made;
  }
};

// The last name of "furniture[2].material" that says something.
std::string name_of_place(const std::string& path) {
  const std::string last = path.substr(path.rfind('.') + 1);
  return last == "material" ? "furniture" : last;
}

}  // namespace
}  // namespace mmi::worlds::rooms

namespace mmi::config {

template <>
struct Codec<rooms::Finish, void> {
  static std::string type() {
    return "name or {absorption, scattering}";
  }

  static void read(
      rooms::Finish& v, const Node& n, const std::string& path, const Range& r, Problems& p) {
    if (n.kind == Node::Kind::kString) {
      try {
        v.material = rooms::find_material(n.string_value);
      } catch (const ConfigError& error) {
        p.add(n.origin, path, error.what());
      }
      return;
    }
    if (!n.is_map()) {
      p.add(
          n.origin,
          path,
          format(
              "must be the name of a material or {{absorption, scattering}}, but is {}",
              n.kind_name()));
      return;
    }
    rooms::InlineMaterial made;
    Codec<rooms::InlineMaterial>::read(made, n, path, r, p);
    v.material = {
        made.name.empty() ? rooms::name_of_place(path) : made.name,
        "inline",
        made.absorption.bands.value_or(rooms::Bands{}),
        made.scattering};
  }

  static Node write(const rooms::Finish& v, bool identity_only = false) {
    return Node::text(v.material.name);
  }
};

template <>
struct Codec<rooms::Finishes, void> {
  static std::string type() {
    return "material, or list of one for each wall";
  }

  static void read(
      rooms::Finishes& v, const Node& n, const std::string& path, const Range& r, Problems& p) {
    if (n.kind == Node::Kind::kList) {
      Codec<std::vector<rooms::Finish>>::read(v.each, n, path, r, p);
    } else {
      v.each.resize(1);
      Codec<rooms::Finish>::read(v.each[0], n, path, r, p);
    }
  }

  static Node write(const rooms::Finishes& v, bool identity_only = false) {
    return v.each.size() == 1 ? Codec<rooms::Finish>::write(v.each[0])
                              : Codec<std::vector<rooms::Finish>>::write(v.each);
  }
};

}  // namespace mmi::config

namespace mmi::worlds::rooms {
namespace {

using Numbers = std::vector<double>;

Finish of_library(const char* name) {
  return {find_material(name)};
}

void need_three(const Numbers& numbers, const char* what, config::Problems& problems) {
  if (numbers.size() != 3) {
    problems.add(format("{} needs three numbers [x, y, z], but has {}", what, numbers.size()));
  }
}

struct Piece {
  std::string name = "furniture";
  Numbers low;
  Numbers high;
  Finish material = of_library("cabinet");

  static const config::Schema& schema() {
    using C = Piece;
    static const config::Schema made =
        config::Table<C>("room_furniture", "a solid box")
            .field("name", &C::name, "of the piece")
            .field("low", &C::low, "the corner with the smallest x, y, z")
            .field("high", &C::high, "the corner with the largest x, y, z")
            .field("material", &C::material, "of all its sides")
            .check([](const C& c, config::Problems& problems) {
              need_three(c.low, "low", problems);
              need_three(c.high, "high", problems);
              for (std::size_t i = 0; i < std::min<std::size_t>(c.low.size(), c.high.size()); ++i) {
                if (c.low[i] >= c.high[i]) {
                  problems.add(format(
                      "low must be below high, but {} is not below {}", c.low[i], c.high[i]));
                }
              }
            });
    return made;
  }
};

struct Description {
  std::optional<Numbers> shoebox;
  std::vector<Numbers> plan;
  double height = 0;
  Finishes walls{{of_library("plasterboard")}};
  Finish floor = of_library("parquet");
  Finish ceiling = of_library("plaster_ceiling");
  std::vector<Piece> furniture;

  std::size_t wall_count() const {
    return shoebox ? 4 : plan.size();
  }

  static const config::Schema& schema();
};

void check_description(const Description& c, config::Problems& problems) {
  if (c.shoebox.has_value() == !c.plan.empty()) {
    problems.add("needs either shoebox: [x, y, z] or plan: [[x, y], …] with a height");
    return;
  }
  if (c.shoebox) {
    need_three(*c.shoebox, "shoebox", problems);
    if (c.height != 0) {
      problems.add("height belongs to plan; the height of a shoebox is its third number");
    }
  } else if (c.height <= 0) {
    problems.add("a plan needs a height above 0");
  }
  for (std::size_t i = 0; i < c.plan.size(); ++i) {
    if (c.plan[i].size() != 2) {
      problems.add(format("plan[{}] needs two numbers [x, y], but has {}", i, c.plan[i].size()));
    }
  }
  if (c.walls.each.size() != 1 && c.walls.each.size() != c.wall_count()) {
    problems.add(format(
        "walls must be one material or {}, one for each wall, not {}",
        c.wall_count(),
        c.walls.each.size()));
  }
}

const config::Schema& Description::schema() {
  using C = Description;
  static const config::Schema made =
      config::Table<C>("room_scene", "a room, extruded from its floor plan")
          .field("shoebox", &C::shoebox, "sides of a box that begins at the origin")
          .field("plan", &C::plan, "corners [x, y] of the floor, in either direction")
          .field("height", &C::height, "of an extruded plan")
          .field("walls", &C::walls, "what walls are made of")
          .field("floor", &C::floor, "what the floor is made of")
          .field("ceiling", &C::ceiling, "what the ceiling is made of")
          .field("furniture", &C::furniture, "solid boxes; they must not overlap")
          .check(check_description);
  return made;
}

Vec3 vec3(const Numbers& n) {
  return {n.at(0), n.at(1), n.at(2)};
}

std::vector<PlanPoint> plan_of(const Description& d) {
  if (d.shoebox) {
    const double x = d.shoebox->at(0);
    const double y = d.shoebox->at(1);
    return {{0, 0}, {x, 0}, {x, y}, {0, y}};
  }
  std::vector<PlanPoint> plan;
  for (const Numbers& corner : d.plan) {
    plan.push_back({corner.at(0), corner.at(1)});
  }
  return plan;
}

Scene build(const Description& d) {
  std::vector<Material> walls;
  for (const Finish& wall : d.walls.each) {
    walls.push_back(wall.material);
  }
  Scene scene = Scene::extrude(
      plan_of(d),
      d.shoebox ? d.shoebox->at(2) : d.height,
      walls,
      d.floor.material,
      d.ceiling.material);
  for (const Piece& piece : d.furniture) {
    scene.add_box(
        vec3(piece.low),
        vec3(piece.high),
        scene.material_index(piece.material.material),
        piece.name);
  }
  return scene;
}

/// A row of AcousticRooms' material library.
struct Row {
  std::string name;
  std::string category;
  std::string description;
  Absorption absorption_coef;
  double scatter_coef = 0.1;
  std::map<std::string, std::vector<double>> reflection_coef;

  static const config::Schema& schema() {
    using C = Row;
    static const config::Schema made =
        config::Table<C>("room_material_row", "a row of a material library")
            .field("name", &C::name, "as usemtl calls it")
            .field("category", &C::category, "wall, floor, …")
            .field("description", &C::description, "not used")
            .field(
                "absorption_coef",
                &C::absorption_coef,
                "63 Hz to 8 kHz or one for all",
                config::between(0, 1))
            .field("scatter_coef", &C::scatter_coef, "share", config::between(0, 1))
            .field("reflection_coef", &C::reflection_coef, "real and imag; not used")
            .check([](const C& c, config::Problems& problems) {
              if (c.name.empty() || !c.absorption_coef.bands) {
                problems.add("a material needs a name and absorption_coef");
              }
            });
    return made;
  }
};

std::string digits(double value) {
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof(text), static_cast<float>(value));
  return {text, end};
}

}  // namespace

Scene read_scene_yaml(const std::filesystem::path& path) {
  const auto description = config::read<Description>(config::read_yaml(path));
  try {
    return build(description);
  } catch (const ConfigError& error) {
    throw ConfigError(format("{}: {}", path.string(), error.what()));
  }
}

std::vector<Material> read_materials(const std::filesystem::path& path) {
  std::vector<Row> rows;
  config::Problems problems;
  config::Codec<std::vector<Row>>::read(rows, config::read_yaml(path), "", {}, problems);
  problems.throw_if_any();
  std::vector<Material> materials;
  for (const Row& row : rows) {
    for (const Material& other : materials) {
      MMI_CHECK(
          ConfigError,
          other.name != row.name,
          "{}: the material \"{}\" occurs twice",
          path.string(),
          row.name);
    }
    materials.push_back({row.name, row.category, *row.absorption_coef.bands, row.scatter_coef});
  }
  return materials;
}

std::string encode_materials(const std::vector<Material>& materials) {
  std::string text = "[";
  for (const Material& material : materials) {
    std::string bands;
    for (const float a : material.absorption) {
      bands += (bands.empty() ? "" : ", ") + digits(a);
    }
    text += format(
        "{}\n  {{\"name\": {}, \"category\": {}, \"description\": \"\",\n"
        "   \"absorption_coef\": [{}], \"scatter_coef\": {}}}",
        text.size() == 1 ? "" : ",",
        config::Node::text(material.name).json(),
        config::Node::text(material.category).json(),
        bands,
        config::Node::real(material.scattering).json());
  }
  return text + "\n]\n";
}

}  // namespace mmi::worlds::rooms
