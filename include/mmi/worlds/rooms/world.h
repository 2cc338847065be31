#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/worlds/rooms/scene.h"

namespace mmi::worlds::rooms {

enum class RoomShape { kShoebox, kEll, kTee, kYou, kConvex, kTwoRooms };

/// A furnished room with places for sources and receivers. A function of the seed and the number of
/// the room alone.
struct WorldRoom {
  std::string category;  ///< of AcousticRooms: "Apartments"
  std::int64_t number = 0;
  RoomShape shape = RoomShape::kShoebox;
  std::vector<PlanPoint> plan;
  double height_m = 0;
  Scene scene;
  std::vector<Vec3> sources;
  std::vector<Vec3> receivers;
  double margin = 1;  ///< factor by which distances between places had to shrink

  /// "Apartments_idx_42", as AcousticRooms names rooms.
  std::string name() const {
    return category + "_idx_" + std::to_string(number);
  }
};

/// The ten categories, in the order in which rooms go through them.
MMI_API const std::vector<std::string>& room_categories();

/// Room `number` of the world: of category number mod 10, 15 to 250 m^3, 2 to 8 pieces of
/// furniture, windows and doors, materials such that Eyring's reverberation time at 1 kHz lies
/// between 0.15 and 0.45 s (measured decays are half as long again). Places keep 0.5 m from
/// surfaces, sources 1 m and receivers 0.5 m from one another, and 0.5 m between both, all shrunk
/// by steps of 5 % where a room is too full (specs/ch08 §8.1).
MMI_API WorldRoom make_room(
    std::uint64_t world_seed,
    std::int64_t number,
    std::int64_t sources = 10,
    std::int64_t receivers = 12);

/// Distance from a point to the nearest surface.
MMI_API double clearance_m(const Scene& scene, Vec3 point);

/// Version of the world's parameters; a change that alters any room is a new version.
MMI_API std::string world_version();

/// Hash of a few rooms: 16 hexadecimal digits that pin everything that world_version() names.
MMI_API std::string world_hash();

}  // namespace mmi::worlds::rooms

template <>
struct mmi::config::EnumNames<mmi::worlds::rooms::RoomShape> {
  static constexpr std::array<std::pair<const char*, mmi::worlds::rooms::RoomShape>, 6> names{{
      {"shoebox", mmi::worlds::rooms::RoomShape::kShoebox},
      {"l", mmi::worlds::rooms::RoomShape::kEll},
      {"t", mmi::worlds::rooms::RoomShape::kTee},
      {"u", mmi::worlds::rooms::RoomShape::kYou},
      {"convex", mmi::worlds::rooms::RoomShape::kConvex},
      {"two_rooms", mmi::worlds::rooms::RoomShape::kTwoRooms},
  }};
};
