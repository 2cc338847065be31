#pragma once

#include <span>
#include <string>
#include <vector>

#include "mmi/dsp/room_measures.h"
#include "mmi/io/draw.h"
#include "mmi/worlds/rooms/simulate.h"

namespace mmi::models::xrir {

struct ResponsePicture {
  std::string title;
  std::span<const float> samples;
  double sample_rate_hz = 0;
  double speed_of_sound = 343;
  dsp::RoomMeasures measures;
  double eyring_s = 0;                     ///< 0: not drawn
  std::vector<worlds::rooms::Path> paths;  ///< for the echogram
};

/// Waveform, energy decay with the lines of EDT and T20, and the reflections that were placed
/// exactly (1 kHz), below each other. Throws NotBuiltError in a build without media.
io::Canvas draw_response(const ResponsePicture& picture);

}  // namespace mmi::models::xrir
