#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/worlds/rooms/material.h"
#include "mmi/worlds/rooms/vec3.h"

namespace mmi::worlds::rooms {

/// A planar convex polygon. Its front, from which the corners run counter-clockwise, faces the air.
struct Polygon {
  std::vector<Vec3> corners;
  int material = 0;  ///< index in Scene::materials
  int object = 0;    ///< index in Scene::objects; 0 is the room itself
};

/// A point of a floor plan, metres.
struct PlanPoint {
  double x = 0;
  double y = 0;

  bool operator==(const PlanPoint&) const = default;
};

/// Materials of an extruded room, as indices in Scene::materials.
struct RoomSurfaces {
  int walls = 0;
  int floor = 0;
  int ceiling = 0;
};

/// What is wrong with a scene; empty lists and `watertight` when nothing is.
struct SceneReport {
  bool watertight = true;             ///< every edge of the room's shell is covered from both sides
  bool facing = true;                 ///< the fronts face the air: the enclosed volume is positive
  std::int64_t open_edges = 0;        ///< edges without a partner
  std::vector<std::string> problems;  ///< one sentence each, at most 8
  double volume_m3 = 0;               ///< of the air
  double surface_m2 = 0;
};

/// A room: polygons with materials. Objects other than the room itself are closed solids
/// (furniture).
struct MMI_API Scene {
  std::vector<Material> materials;
  std::vector<std::string> objects{"room"};
  std::vector<Polygon> polygons;

  /// A box from the origin to `size`, every face of one material.
  static Scene shoebox(Vec3 size, const Material& material);

  /// A floor plan (simple polygon, either direction, at least 3 corners) from z = 0 to `height`.
  /// Throws ConfigError for a plan that crosses itself or has no area.
  static Scene extrude(
      const std::vector<PlanPoint>& plan,
      double height,
      const std::vector<Material>& materials,
      RoomSurfaces surfaces = {});

  /// The same with one material for all walls, or one for each: wall i leads from corner i of the
  /// plan to the next.
  static Scene extrude(
      const std::vector<PlanPoint>& plan,
      double height,
      const std::vector<Material>& walls,
      const Material& floor,
      const Material& ceiling);

  /// Index of an equal material, added when there is none.
  int material_index(const Material& material);

  /// A solid box with edges along the axes, faces outwards. Throws ConfigError unless low < high.
  void add_box(Vec3 low, Vec3 high, int material, const std::string& name);

  /// Enclosed by the shell and outside every object. The decision is by the number of crossings in
  /// three directions, so a scene with gaps is still decided, by majority.
  bool contains(Vec3 point) const;

  SceneReport check() const;

  double volume_m3() const;
  double surface_m2() const;

  /// Mean absorption over the surface, a value a band.
  Bands mean_absorption() const;

  /// Reverberation time in seconds a band by Sabine (1922) or Eyring (1930), with air absorption
  /// when `air` (Kuttruff 2009, eq. 5.24).
  Bands sabine_s(bool air = true) const;
  Bands eyring_s(bool air = true) const;
};

/// Area vector of a planar polygon: its length is the area, its direction the front.
MMI_API Vec3 area_vector(const Polygon& polygon);

}  // namespace mmi::worlds::rooms
