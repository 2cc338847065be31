#pragma once

#include <vector>

#include "mmi/worlds/rooms/scene.h"

namespace mmi::worlds::rooms {

/// Signed area of a closed plan, positive when it runs counter-clockwise.
MMI_API double plan_area(const std::vector<PlanPoint>& plan);

/// Whether two edges that are not neighbours touch.
bool plan_crosses_itself(const std::vector<PlanPoint>& plan);

/// Cuts a simple counter-clockwise polygon into convex ones: ears (Meisters 1975), then pieces are
/// joined while they stay convex (Hertel & Mehlhorn 1983).
MMI_API std::vector<std::vector<PlanPoint>> convex_pieces(const std::vector<PlanPoint>& plan);

}  // namespace mmi::worlds::rooms
