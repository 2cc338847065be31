#include "mmi/worlds/rooms/export.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "mmi/base/errors.h"
#include "mmi/base/files.h"
#include "mmi/base/parallel.h"
#include "mmi/worlds/rooms/depth.h"
#include "mmi/worlds/rooms/scene_io.h"

namespace mmi::worlds::rooms {
namespace {

using data::formats::AcousticLayer;
using data::formats::AcousticMaterial;
using data::formats::AcousticRoom;
using data::formats::AcousticRoomsLayout;
using data::formats::AcousticSimulation;
using data::formats::Point3;
using data::formats::RirPair;

constexpr double kLoudest = 0.9;
constexpr int kWriters = 8;  // they wait for the disk, not for the processor

Point3 point3(Vec3 p) {
  return {p.x, p.y, p.z};
}

AcousticMaterial acoustic(const Material& material) {
  AcousticMaterial made{material.name, material.category, "", {}, {}, material.scattering};
  std::copy(material.absorption.begin(), material.absorption.end(), made.absorption.begin());
  return made;
}

// Materials of one name differ from room to room and piece to piece: their number tells them apart.
std::string layer_name(const Scene& scene, int material) {
  return format("{}_{}", scene.materials[static_cast<std::size_t>(material)].name, material + 1);
}

// With the names that simulation.json gives its layers.
Scene with_layer_names(Scene scene) {
  for (std::size_t m = 0; m < scene.materials.size(); ++m) {
    scene.materials[m].name = layer_name(scene, static_cast<int>(m));
  }
  return scene;
}

AcousticSimulation simulation_of(const WorldRoom& room, const SimulateOptions& options) {
  AcousticSimulation made;
  made.name = room.name();
  made.type = "Geometrical";
  std::transform(
      room.receivers.begin(), room.receivers.end(), std::back_inserter(made.receivers), point3);
  std::transform(
      room.sources.begin(), room.sources.end(), std::back_inserter(made.sources), point3);
  for (std::size_t m = 0; m < room.scene.materials.size(); ++m) {
    const Material& material = room.scene.materials[m];
    made.layers.push_back(
        {layer_name(room.scene, static_cast<int>(m)), material.name, {material.scattering}});
  }
  made.length_s = static_cast<double>(options.samples) / options.sample_rate_hz;
  made.speed_of_sound = options.speed_of_sound;
  return made;
}

}  // namespace

RoomResponses simulate_room(
    const WorldRoom& room,
    const SimulateOptions& options,
    const std::function<void(std::int64_t)>& done) {
  std::vector<Source> sources;
  for (const Vec3 place : room.sources) {
    sources.push_back({place});
  }
  const std::vector<Responses> found =
      Simulator(room.scene).run(sources, room.receivers, options, done);
  RoomResponses made{
      static_cast<std::int64_t>(sources.size()),
      static_cast<std::int64_t>(room.receivers.size()),
      options.samples,
      {},
      1};
  float loudest = 0;
  for (const Responses& one : found) {
    made.waveforms.insert(made.waveforms.end(), one.waveforms.begin(), one.waveforms.end());
    for (const float sample : one.waveforms) {
      loudest = std::max(loudest, std::abs(sample));
    }
  }
  made.scale = loudest > 0 ? kLoudest / loudest : 1;
  for (float& sample : made.waveforms) {
    sample *= static_cast<float>(made.scale);
  }
  return made;
}

void write_room(
    const AcousticRoomsLayout& layout,
    const WorldRoom& room,
    const RoomResponses& responses,
    const SimulateOptions& options) {
  MMI_CHECK(
      ConfigError,
      options.sample_rate_hz == AcousticRoomsLayout::kSampleRateHz,
      "AcousticRooms is at 22050 Hz, but the responses are at {} Hz",
      options.sample_rate_hz);
  const AcousticRoom name{room.category, room.name()};
  const DepthRenderer renderer(room.scene);
  const auto mesh = layout.mesh_path(name);
  mmi::create_directories(mesh.parent_path());
  write_scene(mesh, with_layer_names(room.scene));
  layout.write_simulation(name, simulation_of(room, options));
  for (std::int64_t r = 0; r < responses.receivers; ++r) {
    layout.write_depth(name, r + 1, renderer.depth(room.receivers[static_cast<std::size_t>(r)]));
  }
  parallel_for(responses.receivers * responses.sources, kWriters, [&](std::int64_t i) {
    const std::int64_t r = i / responses.sources;
    const std::int64_t s = i % responses.sources;
    const RirPair pair{s + 1, r + 1};
    const float* wave = responses.waveform(r, s);
    layout.write_rir(
        name, pair, {AcousticRoomsLayout::kSampleRateHz, 1, {wave, wave + responses.samples}});
    layout.write_positions(
        name,
        pair,
        {point3(room.sources[static_cast<std::size_t>(s)]),
         point3(room.receivers[static_cast<std::size_t>(r)])});
  });
}

void write_material_library(const AcousticRoomsLayout& layout) {
  std::map<std::string, std::vector<AcousticMaterial>> kinds;
  for (const Material& material : material_library()) {
    kinds[material.category].push_back(acoustic(material));
  }
  for (const auto& [kind, materials] : kinds) {
    layout.write_materials(kind, materials);
  }
}

}  // namespace mmi::worlds::rooms
