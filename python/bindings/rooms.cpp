// What is heard and seen in rooms: impulse responses, auralisation, depth panoramas.
#include <pybind11/stl.h>
#include <torch/csrc/utils/pybind.h>

#include <algorithm>
#include <map>
#include <string>

#include "bindings.h"
#include "mmi/base/errors.h"
#include "mmi/models/xrir/spectrum.h"
#include "mmi/worlds/rooms/auralize.h"
#include "mmi/worlds/rooms/depth.h"
#include "mmi/worlds/rooms/shoebox.h"
#include "mmi/worlds/rooms/simulate.h"
#include "rooms.h"

namespace mmi::python {
namespace {

using namespace worlds::rooms;

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

torch::Tensor shoeboxes(
    const std::vector<const Scene*>& scenes,
    const torch::Tensor& sources,
    const torch::Tensor& receivers,
    const SimulateOptions& options,
    const torch::Device& device) {
  const std::vector<Vec3> from = places(sources, "sources");
  const std::vector<Vec3> to = places(receivers, "receivers");
  MMI_CHECK(
      ShapeError,
      scenes.size() == from.size() && scenes.size() == to.size(),
      "each shoebox needs a source and a receiver, but there are {} shoeboxes, {} sources and {} "
      "receivers",
      scenes.size(),
      from.size(),
      to.size());
  std::vector<ShoeboxPair> pairs;
  for (std::size_t i = 0; i < scenes.size(); ++i) {
    pairs.push_back({scenes[i], from[i], to[i]});
  }
  const py::gil_scoped_release unlocked;
  return shoebox_responses(pairs, options, device);
}

torch::Tensor auralize(
    const Scene& scene,
    const torch::Tensor& dry,
    const torch::Tensor& source,
    const torch::Tensor& receiver,
    const SimulateOptions& options,
    bool binaural,
    std::optional<double> facing_deg,
    double spacing_m,
    double step_s) {
  const std::vector<Source> from = sources_of(source, {}, 1);
  MMI_CHECK(ShapeError, from.size() == 1, "one source is heard along a walk, not {}", from.size());
  const Walk walk(places(receiver, "receiver"));
  const AuralizeOptions how{
      .binaural = binaural, .facing_deg = facing_deg, .spacing_m = spacing_m, .step_s = step_s};
  const auto interruptible = [](std::int64_t, std::int64_t) {
    const py::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) {
      throw py::error_already_set();
    }
  };
  const py::gil_scoped_release unlocked;
  Auralizer auralizer(Simulator(scene), from[0], walk, options, how, interruptible);
  return auralizer.play(dry, interruptible);
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
  const SimulateOptions defaults;
  py::class_<SimulateOptions>(m, "SimulateOptions", "How responses are simulated.")
      .def(
          py::init(&options_of),
          py::kw_only(),
          py::arg("sample_rate_hz") = defaults.sample_rate_hz,
          py::arg("samples") = defaults.samples,
          py::arg("image_order") = defaults.image_order,
          py::arg("rays") = defaults.rays,
          py::arg("seed") = defaults.seed,
          py::arg("air") = defaults.air,
          py::arg("high_pass_hz") = defaults.high_pass_hz,
          py::arg("speed_of_sound") = defaults.speed_of_sound,
          py::arg("sequence_rays") = defaults.sequence_rays);
  m.def(
      "simulate_room",
      &simulate,
      py::arg("scene"),
      py::arg("sources"),
      py::arg("receivers"),
      py::arg("options"),
      py::arg("facing") = py::none(),
      py::arg("omni") = 1.0,
      "Impulse responses (R,S,L) float32 of sources (S,3) at receivers (R,3).");
  m.def(
      "shoebox_responses",
      &shoeboxes,
      py::arg("scenes"),
      py::arg("sources"),
      py::arg("receivers"),
      py::arg("options"),
      py::arg("device"),
      "Impulse responses (B,L) float32 of B empty shoeboxes, sources (B,3) and receivers (B,3).");
  m.def(
      "auralize_room",
      &auralize,
      py::arg("scene"),
      py::arg("dry"),
      py::arg("source"),
      py::arg("receiver"),
      py::arg("options"),
      py::kw_only(),
      py::arg("binaural"),
      py::arg("facing_deg"),
      py::arg("spacing_m"),
      py::arg("step_s"),
      "A recording (N) of one source as it is heard along receivers (P,3): (C,N+L-1) float32.");
  m.def(
      "align_responses",
      &models::xrir::align,
      py::arg("responses"),
      py::arg("source"),
      py::arg("references"),
      "Responses (B,K,N) of references (B,K,3), delayed and scaled as the direct sound of a "
      "source\n"
      "(B,3) asks for; places relative to the receiver.");
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
