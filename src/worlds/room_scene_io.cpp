#include "mmi/worlds/rooms/scene_io.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <numbers>
#include <optional>
#include <set>
#include <tuple>

#include "mmi/base/config_node.h"
#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "worlds/room_plan.h"
#include "worlds/room_scene_yaml.h"

namespace mmi::worlds::rooms {
namespace {

namespace fs = std::filesystem;

constexpr double kShortest = 0.5;          // m, longest side of a scene
constexpr double kLongest = 200;           // m
constexpr double kFlat = 1e-3;             // m, as Scene::check() has it
constexpr std::size_t kMostCorners = 200;  // of a face that is cut
const std::string kRoom = "room";

fs::path materials_beside(fs::path path) {
  return path.replace_extension(".materials.json");
}

std::string lower(std::string text) {
  for (char& c : text) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return text;
}

// ---- units

struct Box {
  Vec3 low{1e300, 1e300, 1e300};
  Vec3 high{-1e300, -1e300, -1e300};

  void add(const Polygon& polygon) {
    for (const Vec3 c : polygon.corners) {
      low = {std::min(low.x, c.x), std::min(low.y, c.y), std::min(low.z, c.z)};
      high = {std::max(high.x, c.x), std::max(high.y, c.y), std::max(high.z, c.z)};
    }
  }

  double longest() const {
    return std::max({high.x - low.x, high.y - low.y, high.z - low.z});
  }
};

std::string advice(double longest) {
  constexpr std::array<std::pair<double, const char*>, 5> kUnits{
      {{0.001, "millimetres"},
       {0.01, "centimetres"},
       {0.0254, "inches"},
       {0.3048, "feet"},
       {1000, "kilometres"}}};
  for (const auto& [factor, unit] : kUnits) {
    if (factor * longest >= 2 && factor * longest <= 50) {
      return format("if it is in {}, scale={:g} helps", unit, factor);
    }
  }
  return format("scale={:g} may help", std::pow(10.0, std::round(std::log10(6 / longest))));
}

void check_scale(double scale) {
  MMI_CHECK(
      ConfigError, scale > 0 && std::isfinite(scale), "scale must be above 0, but is {}", scale);
}

void check_size(const Scene& scene, double scale, const std::string& name) {
  Box box;
  for (const Polygon& polygon : scene.polygons) {
    box.add(polygon);
  }
  const double longest = box.longest();
  MMI_CHECK(
      DataError,
      longest >= kShortest && longest <= kLongest,
      "{}: a scene in metres is {:g} to {:g} m long, but this one {:.4g} m: {}",
      name,
      kShortest,
      kLongest,
      longest,
      advice(longest / scale));
}

// ---- faces

bool is_flat(const std::vector<Vec3>& corners, Vec3 normal) {
  return std::all_of(corners.begin(), corners.end(), [&](Vec3 c) {
    return std::abs(dot(normal, c - corners[0])) <= kFlat;
  });
}

// Turns to the left everywhere, once round.
bool is_convex(const std::vector<Vec3>& corners, Vec3 normal) {
  const std::size_t count = corners.size();
  double angle = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const Vec3 a = corners[(i + 1) % count] - corners[i];
    const Vec3 b = corners[(i + 2) % count] - corners[(i + 1) % count];
    const double sine = dot(cross(a, b), normal);
    if (sine < -1e-7) {
      return false;
    }
    angle += std::atan2(sine, dot(a, b));
  }
  return std::abs(angle - 2 * std::numbers::pi) < 0.1;
}

using Corners = std::vector<Vec3>;

// Within a millimetre of the line between its two farthest corners: such a face is dropped where it
// is no polygon, drawing programs leave them behind.
bool is_line(const Corners& corners) {
  Vec3 from = corners[0];
  Vec3 to = corners[0];
  for (const Vec3 a : corners) {
    for (const Vec3 b : corners) {
      if (norm(b - a) > norm(to - from)) {
        from = a;
        to = b;
      }
    }
  }
  const Vec3 along = unit(to - from);
  return std::all_of(corners.begin(), corners.end(), [&](Vec3 c) {
    return norm(cross(along, c - from)) <= kFlat;
  });
}

// In the plane across `normal`, into convex pieces; bent ones further into triangles. Nothing for a
// face that is no simple polygon.
std::optional<std::vector<Corners>> cut(const Corners& corners, Vec3 normal) {
  const Vec3 u = unit(cross(std::abs(normal.x) < 0.5 ? Vec3{1, 0, 0} : Vec3{0, 1, 0}, normal));
  const Vec3 v = cross(normal, u);
  std::vector<PlanPoint> plan;
  for (const Vec3 c : corners) {
    plan.push_back({dot(u, c), dot(v, c)});
  }
  if (plan_crosses_itself(plan)) {
    return {};
  }
  const bool flat = is_flat(corners, normal);
  std::vector<Corners> pieces;
  double area = 0;
  for (const auto& piece : convex_pieces(plan)) {
    area += plan_area(piece);
    Corners back;
    for (const PlanPoint p : piece) {
      back.push_back(
          corners[static_cast<std::size_t>(std::find(plan.begin(), plan.end(), p) - plan.begin())]);
    }
    for (std::size_t i = 1; !flat && i + 1 < back.size(); ++i) {
      pieces.push_back({back[0], back[i], back[i + 1]});
    }
    if (flat) {
      pieces.push_back(std::move(back));
    }
  }
  const double whole = plan_area(plan);
  if (std::abs(area - whole) > 1e-6 * whole) {
    return {};
  }
  return pieces;
}

// Flat, convex polygons with an area, in place of a face. `fail` does not come back.
std::vector<Corners> faces_of(Corners corners, const std::function<void(const char*)>& fail) {
  const auto same = [](Vec3 a, Vec3 b) { return norm(a - b) < 1e-9; };
  corners.erase(std::unique(corners.begin(), corners.end(), same), corners.end());
  while (corners.size() > 1 && same(corners.front(), corners.back())) {
    corners.pop_back();
  }
  if (corners.size() < 3) {
    return {};
  }
  const Vec3 area = area_vector({corners});
  if (norm(area) < 1e-8) {
    if (corners.size() > 3 && !is_line(corners)) {
      fail("crosses itself");
    }
    return {};
  }
  const Vec3 normal = unit(area);
  if (corners.size() == 3 || (is_flat(corners, normal) && is_convex(corners, normal))) {
    return {std::move(corners)};
  }
  if (corners.size() > kMostCorners) {
    fail("is bent or not convex and has more than 200 corners");
  }
  auto pieces = cut(corners, normal);
  if (!pieces && is_line(corners)) {
    return {};
  }
  if (!pieces) {
    fail("crosses or touches itself");
  }
  return *pieces;
}

// ---- parts

/// Names of parts, and the part of every face.
struct Parts {
  std::vector<std::string> names;
  std::vector<int> of_face;
};

Parts parts_of(const io::ObjMesh& mesh) {
  const bool by_object = mesh.objects.size() > 1 || mesh.groups.empty();
  const auto& names = by_object ? mesh.objects : mesh.groups;
  Parts parts{names, {}};
  int nameless = -1;
  for (const io::ObjFace& face : mesh.faces) {
    int part = by_object ? face.object : face.group;
    if (part < 0 && nameless < 0) {
      nameless = static_cast<int>(parts.names.size());
      parts.names.push_back(kRoom);
    }
    parts.of_face.push_back(part < 0 ? nameless : part);
  }
  return parts;
}

using Polygons = std::vector<Polygon>;

bool is_closed(const Polygons& polygons) {
  Scene alone;
  alone.polygons = polygons;
  for (Polygon& polygon : alone.polygons) {
    polygon.object = 0;
  }
  return alone.check().open_edges == 0;
}

double diagonal(const Polygons& polygons) {
  Box box;
  for (const Polygon& polygon : polygons) {
    box.add(polygon);
  }
  return polygons.empty() ? 0 : norm(box.high - box.low);
}

// Whether each part belongs to the room itself, by the rule of scene_io.h.
std::vector<bool> shell_parts(
    const std::vector<std::string>& names, const std::vector<Polygons>& polygons) {
  std::vector<bool> shell(names.size(), false);
  for (std::size_t i = 0; i < names.size(); ++i) {
    shell[i] = lower(names[i]) == kRoom;
  }
  if (std::count(shell.begin(), shell.end(), true) > 0) {
    return shell;
  }
  std::size_t largest = 0;
  for (std::size_t i = 1; i < names.size(); ++i) {
    largest = diagonal(polygons[i]) > diagonal(polygons[largest]) ? i : largest;
  }
  if (names.size() == 1 || is_closed(polygons[largest])) {
    shell[largest] = true;
    return shell;
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    shell[i] = i == largest || !is_closed(polygons[i]);
  }
  return shell;
}

// Fronts towards the air: inwards for the room, outwards for anything in it.
void orient(Scene& scene) {
  std::vector<Box> boxes(scene.objects.size());
  for (const Polygon& polygon : scene.polygons) {
    boxes[static_cast<std::size_t>(polygon.object)].add(polygon);
  }
  std::vector<double> air(scene.objects.size(), 0);
  for (const Polygon& polygon : scene.polygons) {
    const auto object = static_cast<std::size_t>(polygon.object);
    const Vec3 centre = 0.5 * (boxes[object].low + boxes[object].high);
    air[object] -= dot(polygon.corners[0] - centre, area_vector(polygon));
  }
  for (Polygon& polygon : scene.polygons) {
    const double volume = air[static_cast<std::size_t>(polygon.object)];
    if (polygon.object == 0 ? volume < -1e-9 : volume > 1e-9) {
      std::reverse(polygon.corners.begin(), polygon.corners.end());
    }
  }
}

// ---- materials

/// Finds materials by name and adds those of the library when they are first used.
class Palette {
 public:
  Palette(
      Scene& scene,
      const std::vector<Material>& known,
      const std::string& name,
      const std::string& otherwise)
      : scene_(scene), name_(name), otherwise_(otherwise) {
    scene_.materials = known;
    if (!otherwise.empty()) {
      find_material(otherwise);
    }
  }

  int index(const std::string& material, std::size_t face) {
    const auto known = indices_.find(material);
    if (known != indices_.end()) {
      return known->second;
    }
    const int found = search(material, face);
    indices_[material] = found;
    return found;
  }

 private:
  int search(const std::string& material, std::size_t face) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < scene_.materials.size(); ++i) {
      if (scene_.materials[i].name == material) {
        return static_cast<int>(i);
      }
      names.push_back(scene_.materials[i].name);
    }
    for (const Material& of_library : material_library()) {
      if (of_library.name == material) {
        return scene_.material_index(of_library);
      }
      names.push_back(of_library.name);
    }
    if (!otherwise_.empty()) {
      return scene_.material_index(find_material(otherwise_));
    }
    MMI_CHECK(
        DataError,
        !material.empty(),
        "{}: face {} has no material (usemtl); default_material=NAME gives it one",
        name_,
        face + 1);
    const std::string near = config::nearest(material, names);
    throw DataError(format(
        "{}: the material \"{}\" is neither in the .materials.json beside it nor in the library{}; "
        "default_material=NAME takes another instead",
        name_,
        material,
        near.empty() ? "" : format(" (did you mean \"{}\"?)", near)));
  }

  Scene& scene_;
  const std::string& name_;
  const std::string& otherwise_;
  std::map<std::string, int> indices_;
};

using MaterialOf = std::function<std::string(const io::ObjFace&)>;

std::string name_at(const std::vector<std::string>& names, std::int32_t index) {
  return index < 0 ? "" : names[static_cast<std::size_t>(index)];
}

Scene scene_from(
    const io::ObjMesh& mesh,
    const std::vector<Material>& known,
    const std::string& name,
    const SceneReadOptions& options,
    const MaterialOf& material_of) {
  check_scale(options.scale);
  Scene scene;
  Palette palette(scene, known, name, options.default_material);
  const Parts parts = parts_of(mesh);
  std::vector<Polygons> by_part(parts.names.size());
  for (std::size_t f = 0; f < mesh.faces.size(); ++f) {
    Corners corners;
    for (const std::int32_t c : mesh.corners_of(mesh.faces[f])) {
      const auto& [x, y, z] = mesh.vertices[static_cast<std::size_t>(c)];
      corners.push_back(options.scale * Vec3{x, y, z});
    }
    const int part = parts.of_face[f];
    const int material = palette.index(material_of(mesh.faces[f]), f);
    for (Corners& piece : faces_of(std::move(corners), [&](const char* what) {
           throw DataError(format(
               "{}: face {} {}: cut it into triangles where it was drawn", name, f + 1, what));
         })) {
      by_part[static_cast<std::size_t>(part)].push_back({piece, material, part});
      scene.polygons.push_back({std::move(piece), material, part});
    }
  }
  MMI_CHECK(DataError, !scene.polygons.empty(), "{}: no face has an area", name);
  const std::vector<bool> shell = shell_parts(parts.names, by_part);
  std::vector<int> object_of(parts.names.size(), 0);
  for (std::size_t i = 0; i < parts.names.size(); ++i) {
    if (!shell[i] && !by_part[i].empty()) {
      object_of[i] = static_cast<int>(scene.objects.size());
      scene.objects.push_back(parts.names[i]);
    }
  }
  for (Polygon& polygon : scene.polygons) {
    polygon.object = object_of[static_cast<std::size_t>(polygon.object)];
  }
  orient(scene);
  check_size(scene, options.scale, name);
  return scene;
}

// ---- writing

// Names that a file can tell apart: the second "chair" becomes "chair_2".
std::vector<std::string> unique_names(const std::vector<std::string>& names) {
  std::set<std::string> taken;
  std::vector<std::string> made;
  for (const std::string& name : names) {
    std::string candidate = name;
    for (int n = 2; !taken.insert(lower(candidate)).second; ++n) {
      candidate = format("{}_{}", name, n);
    }
    made.push_back(candidate);
  }
  return made;
}

std::vector<Material> unique_materials(const std::vector<Material>& materials) {
  std::vector<std::string> names;
  for (const Material& material : materials) {
    names.push_back(material.name);
  }
  names = unique_names(names);
  std::vector<Material> made = materials;
  for (std::size_t i = 0; i < made.size(); ++i) {
    made[i].name = names[i];
  }
  return made;
}

io::ObjMesh mesh_of(const Scene& scene, const std::vector<Material>& materials, fs::path library) {
  io::ObjMesh mesh;
  mesh.libraries.push_back(library.filename().string());
  std::vector<std::string> objects = scene.objects;
  objects.at(0) = kRoom;
  objects = unique_names(objects);
  std::map<std::tuple<double, double, double>, std::int32_t> known;
  for (const Polygon& polygon : scene.polygons) {
    std::vector<std::int32_t> corners;
    for (const Vec3 c : polygon.corners) {
      const auto [at, fresh] =
          known.try_emplace({c.x, c.y, c.z}, static_cast<std::int32_t>(mesh.vertices.size()));
      if (fresh) {
        mesh.vertices.push_back({c.x, c.y, c.z});
      }
      corners.push_back(at->second);
    }
    mesh.add_face(
        corners,
        objects.at(static_cast<std::size_t>(polygon.object)),
        "",
        materials.at(static_cast<std::size_t>(polygon.material)).name);
  }
  return mesh;
}

}  // namespace

Scene scene_of(
    const io::ObjMesh& mesh,
    const std::vector<Material>& known,
    const std::string& name,
    const SceneReadOptions& options) {
  return scene_from(mesh, known, name, options, [&](const io::ObjFace& face) {
    return name_at(mesh.materials, face.material);
  });
}

Scene read_scene(const fs::path& path, const SceneReadOptions& options) {
  const std::string suffix = lower(path.extension().string());
  if (suffix == ".yaml" || suffix == ".yml") {
    Scene scene = read_scene_yaml(path);
    check_scale(options.scale);
    for (Polygon& polygon : scene.polygons) {
      for (Vec3& corner : polygon.corners) {
        corner = options.scale * corner;
      }
    }
    check_size(scene, options.scale, path.string());
    return scene;
  }
  MMI_CHECK(
      ConfigError,
      suffix == ".obj",
      "{}: a scene is a Wavefront .obj or a .yaml description, not \"{}\"",
      path.string(),
      suffix);
  const io::ObjMesh mesh = io::read_obj(path);
  const fs::path beside = materials_beside(path);
  return scene_of(
      mesh,
      fs::exists(beside) ? read_materials(beside) : std::vector<Material>{},
      path.string(),
      options);
}

void write_scene(const fs::path& path, const Scene& scene) {
  MMI_CHECK(
      ConfigError,
      lower(path.extension().string()) == ".obj",
      "{}: scenes are written as .obj; YAML descriptions are written by people",
      path.string());
  const std::vector<Material> materials = unique_materials(scene.materials);
  const fs::path beside = materials_beside(path);
  const std::string text = io::encode_obj(mesh_of(scene, materials, beside));
  atomic_write(beside, encode_materials(materials));
  atomic_write(path, text);
}

Scene read_acoustic_room(
    const data::formats::AcousticRoomsLayout& layout,
    const data::formats::AcousticRoom& room,
    const SceneReadOptions& options) {
  std::map<std::string, data::formats::AcousticMaterial> library;
  for (const std::string& kind : layout.material_kinds()) {
    for (auto& material : layout.materials(kind)) {
      library.try_emplace(material.name, material);
    }
  }
  // Layers as materials: two layers of one material may scatter differently.
  std::vector<Material> known;
  std::map<std::string, std::string> names;
  const auto add =
      [&](const std::string& name, const std::string& of, const std::vector<double>& s) {
        const auto row = library.find(of);
        if (row == library.end() || names.contains(name)) {
          return;
        }
        names[name] = name;
        Material made{name, row->second.category, {}, s.empty() ? row->second.scattering : s[0]};
        std::copy(
            row->second.absorption.begin(), row->second.absorption.end(), made.absorption.begin());
        known.push_back(made);
      };
  if (layout.has_simulation(room)) {
    for (const auto& layer : layout.simulation(room).layers) {
      add(layer.layer, layer.material, layer.scattering);
    }
  }
  const io::ObjMesh mesh = layout.mesh(room);
  for (const std::string& material : mesh.materials) {
    add(material, material, {});
  }
  return scene_from(
      mesh, known, layout.mesh_path(room).string(), options, [&](const io::ObjFace& face) {
        const std::string material = name_at(mesh.materials, face.material);
        for (const std::string& name :
             {material, name_at(mesh.groups, face.group), name_at(mesh.objects, face.object)}) {
          if (names.contains(name)) {
            return name;
          }
        }
        return material;
      });
}

}  // namespace mmi::worlds::rooms
