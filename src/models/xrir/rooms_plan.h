#pragma once

#include <string>
#include <vector>

#include "mmi/io/draw.h"
#include "mmi/worlds/rooms/scene.h"

namespace mmi::models::xrir {

struct FloorCell {
  worlds::rooms::Vec3 place;
  double value;  ///< NaN: a grey cell
};

/// A map of values over a floor plan.
struct FloorMap {
  std::string title;
  std::string subtitle;
  std::string unit;  ///< above the colour bar
  double spacing = 0.25;
  double z = 1.2;
  worlds::rooms::Vec3 source;
  std::vector<FloorCell> cells;           ///< none: no colour bar
  std::vector<worlds::rooms::Vec3> walk;  ///< where a listener goes, or one place
  double low = 0;                         ///< of the colour bar
  double high = 1;
};

/// Cells below the outline of the room at height z, furniture (dark where it reaches z), the
/// source, the walk and a colour bar. Throws NotBuiltError in a build without media.
io::Canvas draw_floor_map(const worlds::rooms::Scene& scene, const FloorMap& map);

/// Maps of one room beside each other.
struct FloorRow {
  struct Part {
    std::string title;
    std::vector<FloorCell> cells;
  };

  std::string title;
  std::string subtitle;
  std::string unit;  ///< above the colour bars
  double spacing = 0.25;
  double z = 1.2;
  worlds::rooms::Vec3 receiver;
  std::vector<worlds::rooms::Vec3> references;
  std::vector<Part> parts;  ///< in the colours from low to high
  Part error;               ///< from 0 on, in steps of the same size a colour
  double low = 0;
  double high = 1;
};

/// As draw_floor_map, without names of furniture. Throws NotBuiltError in a build without media.
io::Canvas draw_floor_row(const worlds::rooms::Scene& scene, const FloorRow& row);

}  // namespace mmi::models::xrir
