#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/data/formats/acoustic_rooms.h"
#include "mmi/worlds/rooms/simulate.h"
#include "mmi/worlds/rooms/world.h"

namespace mmi::worlds::rooms {

/// Responses between all places of a room, at one level: the constant `scale`, the same for the
/// whole room, keeps every sample within ±0.9 (as rooms of AcousticRooms are "normalized").
struct RoomResponses {
  std::int64_t sources = 0;
  std::int64_t receivers = 0;
  std::int64_t samples = 0;
  std::vector<float> waveforms;  ///< (R, S, L)
  double scale = 1;

  const float* waveform(std::int64_t receiver, std::int64_t source) const {
    return waveforms.data() + (receiver * sources + source) * samples;
  }
};

/// `done` hears how many receivers are finished.
MMI_API RoomResponses simulate_room(
    const WorldRoom& room,
    const SimulateOptions& options,
    const std::function<void(std::int64_t)>& done = {});

/// Writes a room as AcousticRooms has it: responses as 32-bit float wav, positions, depth panoramas
/// (256, 512) in the convention that unproject() inverts, the mesh with its materials and an object
/// for the room and each piece of furniture, and simulation.json. Throws ConfigError unless the
/// options are at 22,050 Hz. What the published data does not have: everything is geometric, also
/// below 710 Hz.
MMI_API void write_room(
    const data::formats::AcousticRoomsLayout& layout,
    const WorldRoom& room,
    const RoomResponses& responses,
    const SimulateOptions& options);

/// The library as one file a category.
MMI_API void write_material_library(const data::formats::AcousticRoomsLayout& layout);

}  // namespace mmi::worlds::rooms
