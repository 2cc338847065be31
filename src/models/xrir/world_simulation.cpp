#include "models/xrir/world_simulation.h"

#include "mmi/base/errors.h"
#include "mmi/worlds/rooms/export.h"
#include "models/xrir/room_cache.h"

namespace mmi::models::xrir {
namespace {

namespace rooms = worlds::rooms;

rooms::SimulateOptions options_of(const WorldSimulation& simulation) {
  rooms::SimulateOptions options;
  options.rays = static_cast<int>(simulation.rays);
  options.samples = simulation.samples;
  return options;
}

}  // namespace

torch::Tensor WorldSimulation::responses(
    const rooms::WorldRoom& room, std::int64_t number, bool wait) const {
  const auto receivers = static_cast<std::int64_t>(room.receivers.size());
  const auto sources = static_cast<std::int64_t>(room.sources.size());
  const std::filesystem::path file = cache.empty() ? cache
                                                   : cache / "rooms" /
                                                         format(
                                                             "{}-{}-{}x{}-{}-{}",
                                                             rooms::world_version(),
                                                             world_seed,
                                                             receivers,
                                                             sources,
                                                             rays,
                                                             samples) /
                                                         format("{:06d}.safetensors", number);
  return cached_responses(file, wait, [&] {
    rooms::RoomResponses made = rooms::simulate_room(room, options_of(*this));
    return torch::from_blob(made.waveforms.data(), {receivers, sources, samples}, torch::kFloat32)
        .clone();
  });
}

torch::Tensor WorldSimulation::again(
    const rooms::WorldRoom& room, rooms::Vec3 receiver, std::uint64_t seed) const {
  rooms::SimulateOptions options = options_of(*this);
  options.seed = seed;
  std::vector<rooms::Source> sources;
  for (const rooms::Vec3 place : room.sources) {
    sources.push_back({.position = place});
  }
  rooms::Responses made = rooms::Simulator(room.scene).run(sources, receiver, options);
  return torch::from_blob(made.waveforms.data(), {made.sources, made.samples}, torch::kFloat32)
      .clone();
}

torch::Tensor relative_sources(const rooms::WorldRoom& room, rooms::Vec3 receiver) {
  auto relative = torch::empty({static_cast<std::int64_t>(room.sources.size()), 3});
  for (std::size_t s = 0; s < room.sources.size(); ++s) {
    const rooms::Vec3 way = room.sources[s] - receiver;
    relative[static_cast<std::int64_t>(s)] =
        torch::tensor({way.x, way.y, way.z}).to(torch::kFloat32);
  }
  return relative;
}

std::size_t receiver_index(const std::string& name) {
  return std::stoull(name.substr(name.rfind('R') + 1)) - 1;
}

}  // namespace mmi::models::xrir
