#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/worlds/rooms/simulate.h"

namespace mmi::worlds::rooms {

/// A stand-in for a room of Hearing Anything Anywhere: its shape and the place of its loudspeaker
/// as published (data/formats/haa.h), materials by guess, microphones by rule, twelve of them
/// known.
struct MeasuredRoom {
  std::string name;  ///< "classroom", "dampened", "hallway", "complex"
  Scene scene;
  Source speaker;                   ///< directive
  std::vector<Vec3> microphones;    ///< along a winding way through the room
  std::vector<std::int64_t> known;  ///< 12 indices, even over the way
};

/// The room with 12 + `unknown` microphones on a jittered grid at heights of 1.0 and 1.6 m, 0.3 m
/// from surfaces and 0.5 m from the loudspeaker. Absorptions differ from the list's by up to about
/// 50 %, more than those of make_room(). A function of name, seed and count alone. Tables, pillars
/// and other planes in mid-air are closed solids that keep a few millimetres from walls.
/// ConfigError for an unknown name.
MMI_API MeasuredRoom
make_measured_room(const std::string& name, std::uint64_t seed, std::int64_t unknown);

/// (12 + unknown, L) as if measured: `options` with a seed of the room's own and a high-pass at
/// 80 Hz, then white noise, the same level at all microphones, whose energy over a response is 50
/// dB below the mean energy of the known ones (where their decay curves end), then a low-pass at
/// 9.5 kHz; divided by the largest |sample| of the known responses, as xRIR does with real ones.
MMI_API std::vector<float> measured_responses(
    const MeasuredRoom& room, const SimulateOptions& options);

/// Version of rooms and conditions; a change that alters any is a new version.
MMI_API std::string measured_version();

/// Hash of the four rooms: 16 hexadecimal digits.
MMI_API std::string measured_hash();

}  // namespace mmi::worlds::rooms
