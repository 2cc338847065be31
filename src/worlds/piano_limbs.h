#pragma once

#include <array>
#include <cstddef>

#include "mmi/worlds/piano/hands.h"

namespace mmi::worlds::piano {

// A tapered capsule, the brick that hands are painted from.
struct Limb {
  float ax = 0, ay = 0, bx = 0, by = 0;
  float ra = 1, rb = 1;
  float edge = 0.3F;        // darkening towards the outline
  float base_fade = 0;      // share of the length over which the outline fades in from a
  float tone = 1;           // relative brightness
  float tip_light = 0;      // nail or knuckle highlight at b
  float tip_spread = 0.6F;  // its radius, in radii of the limb
  bool fingertip = false;
  bool sleeve = false;
};

struct Limbs {
  std::array<Limb, 20> limb;
  std::size_t count = 0;
};

// From back to front.
Limbs hand_limbs(const HandPose& pose, Hand hand, bool sleeve);

// Signed distance to the outline at (x, y), negative inside.
float limb_distance(const Limb& limb, float x, float y);

}  // namespace mmi::worlds::piano
