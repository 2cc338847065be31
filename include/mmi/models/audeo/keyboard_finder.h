#pragma once

#include <string>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/io/image.h"

namespace mmi::models::audeo {

/// Where the keyboard is: columns x1 <= x < x2, rows y1 <= y < y2 of the picture, as io::CropBox.
struct KeyboardBox {
  int x1 = 0;
  int y1 = 0;
  int x2 = 0;
  int y2 = 0;
  double confidence = 0;  ///< correlation with the pattern of 88 keys, up to 1
};

/// Finds the whole 88-key keyboard, seen from above, low keys at the left, in gray pictures of one
/// clip, all of one size; several let moving hands disappear (median). The box reaches from A0's
/// left to C8's right edge, and from 8 to 7 hundredths of its height beyond the ends of the keys,
/// as in the piano world's canvas; around a tilted keyboard it holds all of it. Found are keyboards
/// of 50 to 100 % of the picture's width, tilted by up to 2 degrees. Needs no media libraries.
/// DataError with `name` when no complete keyboard is in sight.
MMI_API KeyboardBox find_keyboard(const std::vector<io::Image>& frames, const std::string& name);

}  // namespace mmi::models::audeo
