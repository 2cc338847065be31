// Scenes, impulse responses and depth panoramas of rooms.
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>
#include <pybind11/typing.h>
#include <torch/csrc/utils/pybind.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <variant>

#include "bindings.h"
#include "mmi/base/errors.h"
#include "mmi/base/format.h"
#include "mmi/worlds/rooms/depth.h"
#include "mmi/worlds/rooms/scene_io.h"
#include "mmi/worlds/rooms/simulate.h"

namespace mmi::python {
namespace {

using namespace worlds::rooms;

using Triple = std::array<double, 3>;
using MaterialLike = std::variant<Material, std::string>;

Material material_of(const MaterialLike& given) {
  return std::holds_alternative<Material>(given) ? std::get<Material>(given)
                                                 : find_material(std::get<std::string>(given));
}

Vec3 vec3(const Triple& t) {
  return {t[0], t[1], t[2]};
}

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
    const MaterialLike& walls,
    const std::optional<MaterialLike>& floor,
    const std::optional<MaterialLike>& ceiling) {
  std::vector<PlanPoint> points;
  for (const auto& p : plan) {
    points.push_back({p[0], p[1]});
  }
  return Scene::extrude(
      points,
      height,
      {material_of(walls),
       material_of(floor.value_or(walls)),
       material_of(ceiling.value_or(walls))},
      {0, 1, 2});
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

// (N, 3) or (3) of any number type.
std::vector<Vec3> places(const torch::Tensor& given, const char* what) {
  MMI_CHECK(
      ShapeError,
      (given.dim() == 1 || given.dim() == 2) && given.size(-1) == 3,
      "{} must be of shape (N, 3) or (3), not {}",
      what,
      given.sizes().vec());
  const auto rows = given.to(torch::kCPU, torch::kFloat64).reshape({-1, 3}).contiguous();
  std::vector<Vec3> made;
  for (std::int64_t i = 0; i < rows.size(0); ++i) {
    const double* p = rows.const_data_ptr<double>() + 3 * i;
    made.push_back({p[0], p[1], p[2]});
  }
  return made;
}

std::vector<Source> sources_of(
    const torch::Tensor& positions, const std::optional<torch::Tensor>& facing, double omni) {
  const std::vector<Vec3> at = places(positions, "sources");
  std::vector<Vec3> towards(at.size(), Vec3{1, 0, 0});
  if (facing) {
    towards = places(*facing, "facing");
    towards.resize(at.size(), towards.empty() ? Vec3{1, 0, 0} : towards.back());
  }
  std::vector<Source> made;
  for (std::size_t s = 0; s < at.size(); ++s) {
    made.push_back({at[s], unit(towards[s]), omni});
  }
  return made;
}

torch::Tensor simulate(
    const Scene& scene,
    const torch::Tensor& sources,
    const torch::Tensor& receivers,
    const SimulateOptions& options,
    const std::optional<torch::Tensor>& facing,
    double omni) {
  const std::vector<Source> from = sources_of(sources, facing, omni);
  const std::vector<Vec3> to = places(receivers, "receivers");
  const py::gil_scoped_release unlocked;
  const auto count = static_cast<std::int64_t>(from.size());
  auto made = torch::empty({static_cast<std::int64_t>(to.size()), count, options.samples});
  const std::vector<Responses> responses = Simulator(scene).run(from, to, options);
  for (std::size_t r = 0; r < to.size(); ++r) {
    const auto& waves = responses[r].waveforms;
    std::copy(
        waves.begin(),
        waves.end(),
        made.data_ptr<float>() + static_cast<std::int64_t>(r) * count * options.samples);
  }
  return made;
}

std::map<std::string, torch::Tensor> paths(
    const Scene& scene,
    const Triple& source,
    const Triple& receiver,
    SimulateOptions options,
    const std::optional<Triple>& facing,
    double omni) {
  options.rays = 0;
  options.keep_paths = true;
  const Vec3 towards = facing ? unit(vec3(*facing)) : Vec3{1, 0, 0};
  std::vector<Path> found;
  {
    const py::gil_scoped_release unlocked;
    found = Simulator(scene)
                .run(std::vector<Source>{{vec3(source), towards, omni}}, vec3(receiver), options)
                .paths.at(0);
  }
  const auto count = static_cast<std::int64_t>(found.size());
  auto distance = torch::empty({count}, torch::kFloat64);
  auto order = torch::empty({count}, torch::kInt64);
  auto amplitude = torch::empty({count, static_cast<std::int64_t>(kBands)}, torch::kFloat32);
  auto arrival = torch::empty({count, 3}, torch::kFloat64);
  for (std::int64_t i = 0; i < count; ++i) {
    const Path& path = found[static_cast<std::size_t>(i)];
    distance.data_ptr<double>()[i] = path.distance_m;
    order.data_ptr<std::int64_t>()[i] = path.order;
    std::copy(
        path.amplitude.begin(),
        path.amplitude.end(),
        amplitude.data_ptr<float>() + i * static_cast<std::int64_t>(kBands));
    double* way = arrival.data_ptr<double>() + 3 * i;
    way[0] = path.arrival.x;
    way[1] = path.arrival.y;
    way[2] = path.arrival.z;
  }
  return {
      {"distance_m", distance}, {"order", order}, {"amplitude", amplitude}, {"arrival", arrival}};
}

torch::Tensor depth(
    const Scene& scene,
    const Triple& position,
    std::int64_t height,
    std::int64_t width,
    const std::string& convention) {
  MMI_CHECK(
      ConfigError,
      convention == "center" || convention == "release",
      "convention must be \"center\" or \"release\", not \"{}\"",
      convention);
  const py::gil_scoped_release unlocked;
  return DepthRenderer(scene).depth(
      vec3(position),
      height,
      width,
      convention == "center" ? PixelConvention::kCenter : PixelConvention::kRelease);
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
          "A floor plan of (x, y) corners from z = 0 to `height`; floor and ceiling default to\n"
          "the walls' material.")
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

SimulateOptions options_of(
    double sample_rate_hz,
    std::int64_t samples,
    int image_order,
    int rays,
    std::uint64_t seed,
    bool air,
    double high_pass_hz,
    double speed_of_sound,
    int sequence_rays) {
  SimulateOptions made;
  made.sample_rate_hz = sample_rate_hz;
  made.samples = samples;
  made.image_order = image_order;
  made.rays = rays;
  made.seed = seed;
  made.air = air;
  made.high_pass_hz = high_pass_hz;
  made.speed_of_sound = speed_of_sound;
  made.sequence_rays = sequence_rays;
  return made;
}

}  // namespace

void bind_rooms(py::module_& m) {
  bind_scene(m);
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
  const SimulateOptions defaults;
  m.def(
      "room_materials",
      [] { return material_library(); },
      "The materials that ship with the library.");
  m.def(
      "simulate_room",
      [](const Scene& scene,
         const torch::Tensor& sources,
         const torch::Tensor& receivers,
         double sample_rate_hz,
         std::int64_t samples,
         int image_order,
         int rays,
         std::uint64_t seed,
         bool air,
         double high_pass_hz,
         double speed_of_sound,
         int sequence_rays,
         const std::optional<torch::Tensor>& facing,
         double omni) {
        return simulate(
            scene,
            sources,
            receivers,
            options_of(
                sample_rate_hz,
                samples,
                image_order,
                rays,
                seed,
                air,
                high_pass_hz,
                speed_of_sound,
                sequence_rays),
            facing,
            omni);
      },
      py::arg("scene"),
      py::arg("sources"),
      py::arg("receivers"),
      py::kw_only(),
      py::arg("sample_rate_hz") = defaults.sample_rate_hz,
      py::arg("samples") = defaults.samples,
      py::arg("image_order") = defaults.image_order,
      py::arg("rays") = defaults.rays,
      py::arg("seed") = defaults.seed,
      py::arg("air") = defaults.air,
      py::arg("high_pass_hz") = defaults.high_pass_hz,
      py::arg("speed_of_sound") = defaults.speed_of_sound,
      py::arg("sequence_rays") = defaults.sequence_rays,
      py::arg("facing") = py::none(),
      py::arg("omni") = 1.0,
      "Impulse responses (R,S,L) float32 of sources (S,3) at receivers (R,3); 1 m from an\n"
      "omnidirectional source in the free field is an impulse of height 1. image_order -1 in an\n"
      "empty shoebox: all images; rays 0: no stochastic part. `facing` (S,3) and `omni` (1 omni,\n"
      "0.5 cardioid, 0 figure of eight) give the sources a direction.");
  m.def(
      "room_paths",
      [](const Scene& scene,
         const Triple& source,
         const Triple& receiver,
         int image_order,
         std::int64_t samples,
         double sample_rate_hz,
         bool air,
         double speed_of_sound,
         int sequence_rays,
         const std::optional<Triple>& facing,
         double omni) {
        const SimulateOptions rest;
        return paths(
            scene,
            source,
            receiver,
            options_of(
                sample_rate_hz,
                samples,
                image_order,
                0,
                rest.seed,
                air,
                rest.high_pass_hz,
                speed_of_sound,
                sequence_rays),
            facing,
            omni);
      },
      py::arg("scene"),
      py::arg("source"),
      py::arg("receiver"),
      py::kw_only(),
      py::arg("image_order") = defaults.image_order,
      py::arg("samples") = defaults.samples,
      py::arg("sample_rate_hz") = defaults.sample_rate_hz,
      py::arg("air") = defaults.air,
      py::arg("speed_of_sound") = defaults.speed_of_sound,
      py::arg("sequence_rays") = defaults.sequence_rays,
      py::arg("facing") = py::none(),
      py::arg("omni") = 1.0,
      "The direct sound and specular reflections that arrive, as a dict of tensors: distance_m "
      "(P),\n"
      "order (P), amplitude (P,8) a band, arrival (P,3) unit vectors from the receiver.");
  m.def(
      "room_depth",
      &depth,
      py::arg("scene"),
      py::arg("position"),
      py::arg("height") = 256,
      py::arg("width") = 512,
      py::arg("convention") = "center",
      "Depth panorama (H,W) float32: metres along the ray. Row 0 looks up, the centre column "
      "along\n"
      "+x; convention \"center\" or \"release\" (the maps that xRIR's authors released).");
  m.def(
      "unproject_depth",
      &unproject,
      py::arg("depth"),
      "Points (...,3,H,W) of depth (...,H,W), relative to the viewer.");
}

}  // namespace mmi::python
