#pragma once

#include <string>
#include <vector>

#include "mmi/io/draw.h"
#include "mmi/worlds/rooms/scene.h"

namespace mmi::models::xrir {

/// A map of values over a floor plan.
struct FloorMap {
  struct Cell {
    worlds::rooms::Vec3 place;
    double value;  ///< NaN: a grey cell
  };

  std::string title;
  std::string subtitle;
  std::string unit;  ///< above the colour bar
  double spacing = 0.25;
  double z = 1.2;
  worlds::rooms::Vec3 source;
  std::vector<Cell> cells;
  double low = 0;  ///< of the colour bar
  double high = 1;
};

/// Cells below the outline of the room at height z, furniture (dark where it reaches z), the source
/// and a colour bar. Throws NotBuiltError in a build without media.
io::Canvas draw_floor_map(const worlds::rooms::Scene& scene, const FloorMap& map);

}  // namespace mmi::models::xrir
