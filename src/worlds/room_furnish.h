#pragma once

#include <string>
#include <vector>

#include "mmi/base/rng.h"
#include "mmi/worlds/rooms/scene.h"
#include "mmi/worlds/rooms/world.h"

namespace mmi::worlds::rooms {

/// What the rooms of one category are like.
struct Category {
  const char* name;
  double side_low, side_high;      ///< m
  double height_low, height_high;  ///< m
  std::vector<const char*> walls;
  std::vector<const char*> floors;
  std::vector<const char*> ceilings;
  std::vector<const char*> furniture;  ///< kinds of room_furnish.cpp
  int pieces_low, pieces_high;
};

const std::vector<Category>& categories();

struct Plan {
  std::vector<PlanPoint> corners;  ///< counter-clockwise
  RoomShape shape = RoomShape::kShoebox;
  PlanPoint door_low;  ///< of kTwoRooms: the opening between both
  PlanPoint door_high;
};

/// A floor plan with an area of `area_low` to `area_high` square metres.
Plan draw_plan(const Category& category, double area_low, double area_high, Rng& rng);

bool plan_contains(const std::vector<PlanPoint>& plan, PlanPoint point);

/// Cuts a window or door into a wall: the wall's rectangle becomes up to five that cover it. False
/// when the wall is too small. `wall` is an index in Scene::polygons.
bool cut_opening(
    Scene& scene,
    std::size_t wall,
    double width,
    double bottom,
    double top,
    int material,
    Rng& rng);

/// Puts pieces of furniture where they overlap neither walls nor each other nor the door.
void furnish(Scene& scene, const Plan& plan, double height, const Category& category, Rng& rng);

/// The material with absorptions that differ by up to 20 %, within [0.01, 0.98].
Material jittered(const Material& material, Rng& rng);

}  // namespace mmi::worlds::rooms
