#pragma once

#include <cstdint>
#include <vector>

#include "piano_board.h"
#include "piano_limbs.h"

namespace mmi::worlds::piano {

// A limb as the picture shows it: canvas units of the picture, with the distance it moves during
// the exposure.
struct SeenLimb {
  Limb limb;
  float blur_x = 0, blur_y = 0;
};

// Paints hands over a keyboard picture in internal values.
class HandPainter {
 public:
  HandPainter(const Grid& grid, const Look& look);

  // Clears what the last frame painted.
  void begin();

  void add_shadow(const SeenLimb& seen, float height_a, float height_b);
  void add_limb(const SeenLimb& seen);

  // Darkens and covers (H,W).
  void compose(std::int16_t* out) const;

 private:
  struct Box {
    int x0 = 0, x1 = 0, y0 = 0, y1 = 0;

    bool empty() const {
      return x0 >= x1 || y0 >= y1;
    }
  };

  Box box_of(const Limb& limb, float pad_x, float pad_y) const;
  void include(Box& all, const Box& box) const;

  Grid grid_;
  Look look_;
  ToneCurve tone_;
  float pixel_x_, pixel_y_;
  std::vector<float> alpha_, value_, shadow_;
  std::vector<float> light_;  // per column
  Box painted_, shaded_;
};

}  // namespace mmi::worlds::piano
