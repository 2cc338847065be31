#pragma once

#include <vector>

#include "models/audeo/keyboard_pattern.h"

/// Where the keys of a keyboard begin and end, once the pattern says which they are.
namespace mmi::models::audeo {

/// What was measured: a keyboard's place, its tilt and where its keys end.
struct Measured {
  Comb comb;
  double slope = 0;
  double top = 0;    // of all keys, in the keyboard's middle column
  double black = 0;  // front of the black keys
  double front = 0;  // front of the white keys

  double middle_x() const {
    return comb.left + 0.5 * kWhites * comb.white;
  }
};

/// Measures all but the comb, from the row `y` within the black keys on; false where it is no
/// keyboard.
bool measure(const Plane& plane, double y, Measured& m);

/// Brightness along the black keys, the tilt taken out: the median of rows over their middle.
std::vector<float> along_black_keys(const Plane& plane, const Measured& m);

}  // namespace mmi::models::audeo
