// Scenes: materials, polygons, floor plans, files, and the furnished rooms of the world.
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>
#include <pybind11/typing.h>
#include <torch/csrc/utils/pybind.h>

#include <algorithm>
#include <iterator>

#include "bindings.h"
#include "mmi/base/errors.h"
#include "mmi/base/format.h"
#include "mmi/worlds/rooms/scene_io.h"
#include "mmi/worlds/rooms/world.h"
#include "rooms.h"

namespace mmi::python {
namespace {

using namespace worlds::rooms;

Bands bands_of(const std::variant<double, std::vector<float>>& given) {
  Bands made{};
  if (std::holds_alternative<double>(given)) {
    made.fill(static_cast<float>(std::get<double>(given)));
    return made;
  }
  const auto& values = std::get<std::vector<float>>(given);
  MMI_CHECK(
      ConfigError,
      values.size() == kBands,
      "absorption has 8 values, 63 Hz to 8 kHz, or one for all bands, not {}",
      values.size());
  std::copy(values.begin(), values.end(), made.begin());
  return made;
}

Material make_material(
    const std::variant<double, std::vector<float>>& absorption,
    double scattering,
    const std::string& name,
    const std::string& category) {
  Material made{name, category, bands_of(absorption), scattering};
  for (const float a : made.absorption) {
    MMI_CHECK(ConfigError, a >= 0 && a <= 1, "absorption must be in [0, 1], but one is {}", a);
  }
  MMI_CHECK(
      ConfigError,
      scattering >= 0 && scattering <= 1,
      "scattering must be in [0, 1], but it is {}",
      scattering);
  return made;
}

Scene extrude(
    const std::vector<std::array<double, 2>>& plan,
    double height,
    const std::variant<MaterialLike, std::vector<MaterialLike>>& walls,
    const std::optional<MaterialLike>& floor,
    const std::optional<MaterialLike>& ceiling) {
  std::vector<PlanPoint> points;
  for (const auto& p : plan) {
    points.push_back({p[0], p[1]});
  }
  std::vector<Material> finishes;
  if (const auto* each = std::get_if<std::vector<MaterialLike>>(&walls)) {
    std::transform(each->begin(), each->end(), std::back_inserter(finishes), material_of);
    MMI_CHECK(ConfigError, !finishes.empty(), "walls must name a material, or one for each wall");
  } else {
    finishes = {material_of(std::get<MaterialLike>(walls))};
  }
  return Scene::extrude(
      points,
      height,
      finishes,
      floor ? material_of(*floor) : finishes[0],
      ceiling ? material_of(*ceiling) : finishes[0]);
}

void add_polygon(
    Scene& scene,
    const std::vector<Triple>& corners,
    const MaterialLike& material,
    const std::optional<std::string>& name) {
  MMI_CHECK(
      ConfigError,
      corners.size() >= 3,
      "a polygon needs 3 corners or more, not {}",
      corners.size());
  Polygon made{{}, scene.material_index(material_of(material)), 0};
  for (const Triple& corner : corners) {
    made.corners.push_back(vec3(corner));
  }
  if (name) {
    auto found = std::find(scene.objects.begin(), scene.objects.end(), *name);
    made.object = static_cast<int>(found - scene.objects.begin());
    if (found == scene.objects.end()) {
      scene.objects.push_back(*name);
    }
  }
  scene.polygons.push_back(std::move(made));
}

torch::Tensor bands_tensor(const Bands& bands) {
  return torch::tensor(std::vector<float>(bands.begin(), bands.end()));
}

py::typing::Dict<py::str, py::object> check(const Scene& scene) {
  const SceneReport report = scene.check();
  py::typing::Dict<py::str, py::object> made;
  made["watertight"] = py::cast(report.watertight);
  made["facing"] = py::cast(report.facing);
  made["open_edges"] = py::cast(report.open_edges);
  made["problems"] = py::cast(report.problems);
  made["volume_m3"] = py::cast(report.volume_m3);
  made["surface_m2"] = py::cast(report.surface_m2);
  return made;
}

void bind_scene(py::module_& m) {
  py::class_<Material>(
      m, "Material", "Absorption a band (63 Hz to 8 kHz) and scattering, both in [0, 1].")
      .def(
          py::init(&make_material),
          py::arg("absorption"),
          py::arg("scattering") = 0.1,
          py::arg("name") = "material",
          py::arg("category") = "wall")
      .def_readonly("name", &Material::name)
      .def_readonly("category", &Material::category)
      .def_readonly("scattering", &Material::scattering)
      .def_property_readonly(
          "absorption", [](const Material& material) { return bands_tensor(material.absorption); })
      .def("__repr__", [](const Material& material) {
        return format(
            "Material(\"{}\", absorption {:.2f} at 1 kHz, scattering {})",
            material.name,
            material.absorption[4],
            material.scattering);
      });
  py::class_<Scene>(
      m,
      "Scene",
      "A room: planar polygons with materials; metres, z up. Materials are `Material`s or names\n"
      "of the library (`mmi.rooms.materials()`).")
      .def(py::init<>())
      .def_static(
          "shoebox",
          [](const Triple& size, const MaterialLike& material) {
            return Scene::shoebox(vec3(size), material_of(material));
          },
          py::arg("size"),
          py::arg("material"),
          "A box from the origin to `size`.")
      .def_static(
          "extrude",
          &extrude,
          py::arg("plan"),
          py::arg("height"),
          py::arg("walls"),
          py::arg("floor") = py::none(),
          py::arg("ceiling") = py::none(),
          "A floor plan of (x, y) corners from z = 0 to `height`. `walls`: a material, or a list "
          "with\n"
          "one for each wall, from corner i to the next; floor and ceiling default to the first.")
      .def(
          "add_box",
          [](Scene& scene,
             const Triple& low,
             const Triple& high,
             const MaterialLike& material,
             const std::string& name) {
            scene.add_box(vec3(low), vec3(high), scene.material_index(material_of(material)), name);
          },
          py::arg("low"),
          py::arg("high"),
          py::arg("material"),
          py::arg("name") = "box",
          "A piece of furniture: a solid box with edges along the axes.")
      .def(
          "add_polygon",
          &add_polygon,
          py::arg("corners"),
          py::arg("material"),
          py::arg("name") = py::none(),
          "A flat convex polygon; its corners run counter-clockwise seen from the air. `name`\n"
          "joins polygons to an object.")
      .def(
          "contains",
          [](const Scene& scene, const Triple& point) { return scene.contains(vec3(point)); },
          py::arg("point"),
          "Whether a point is in the air of the room.")
      .def("check", &check, "Watertightness, volume, surface and problems as a dict.")
      .def_property_readonly("volume_m3", &Scene::volume_m3)
      .def_property_readonly("surface_m2", &Scene::surface_m2)
      .def_property_readonly("objects", [](const Scene& scene) { return scene.objects; })
      .def_property_readonly("polygons", [](const Scene& scene) { return scene.polygons.size(); })
      .def(
          "sabine_s",
          [](const Scene& scene, bool air) { return bands_tensor(scene.sabine_s(air)); },
          py::arg("air") = true,
          "Reverberation time a band by Sabine.")
      .def(
          "eyring_s",
          [](const Scene& scene, bool air) { return bands_tensor(scene.eyring_s(air)); },
          py::arg("air") = true,
          "Reverberation time a band by Eyring.");
}

torch::Tensor places_tensor(const std::vector<Vec3>& places) {
  auto made = torch::empty({static_cast<std::int64_t>(places.size()), 3}, torch::kFloat64);
  auto* out = made.data_ptr<double>();
  for (const Vec3 place : places) {
    *out++ = place.x;
    *out++ = place.y;
    *out++ = place.z;
  }
  return made;
}

void bind_world_room(py::module_& m) {
  py::class_<WorldRoom>(m, "WorldRoom", "A furnished room with places for sources and receivers.")
      .def_property_readonly("name", &WorldRoom::name, "\"Apartments_idx_42\"")
      .def_readonly("category", &WorldRoom::category)
      .def_property_readonly(
          "shape",
          [](const WorldRoom& room) -> std::string {
            for (const auto& [name, shape] : config::EnumNames<RoomShape>::names) {
              if (shape == room.shape) {
                return name;
              }
            }
            return {};
          },
          "shoebox, l, t, u, convex or two_rooms, which a door joins")
      .def_property_readonly(
          "plan",
          [](const WorldRoom& room) {
            std::vector<std::array<double, 2>> plan;
            for (const PlanPoint corner : room.plan) {
              plan.push_back({corner.x, corner.y});
            }
            return plan;
          },
          "Corners (x, y) of the floor, counter-clockwise.")
      .def_readonly("height_m", &WorldRoom::height_m)
      .def_readonly("scene", &WorldRoom::scene)
      .def_property_readonly(
          "sources",
          [](const WorldRoom& room) { return places_tensor(room.sources); },
          "(S,3) float64, metres.")
      .def_property_readonly(
          "receivers",
          [](const WorldRoom& room) { return places_tensor(room.receivers); },
          "(R,3) float64, metres.")
      .def("__repr__", [](const WorldRoom& room) {
        return format(
            "WorldRoom({}: {} objects, {:.0f} m3)",
            room.name(),
            room.scene.objects.size(),
            room.scene.volume_m3());
      });
  m.def(
      "make_room",
      [](std::uint64_t seed, std::int64_t number, std::int64_t sources, std::int64_t receivers) {
        const py::gil_scoped_release unlocked;
        return make_room(seed, number, sources, receivers);
      },
      py::arg("seed") = 1,
      py::arg("number") = 0,
      py::kw_only(),
      py::arg("sources") = 10,
      py::arg("receivers") = 12,
      "Room `number` of the world that xRIR learns from: ten categories in turn, six shapes, 2 to "
      "8\n"
      "pieces of furniture, windows and doors. A function of its arguments alone.");
}

}  // namespace

void bind_scenes(py::module_& m) {
  bind_scene(m);
  bind_world_room(m);
  m.def(
      "read_scene",
      [](const std::filesystem::path& path, double scale, const std::string& default_material) {
        return read_scene(path, {scale, default_material});
      },
      py::arg("path"),
      py::kw_only(),
      py::arg("scale") = 1.0,
      py::arg("default_material") = "",
      "A scene from a Wavefront .obj (with its .materials.json) or a .yaml description; `scale`:\n"
      "metres a unit of the file.");
  m.def(
      "write_scene",
      &write_scene,
      py::arg("path"),
      py::arg("scene"),
      "Writes .obj and .materials.json.");
  m.def(
      "room_materials",
      [] { return material_library(); },
      "The materials that ship with the library.");
}

}  // namespace mmi::python
