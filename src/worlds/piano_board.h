#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "piano_camera.h"

namespace mmi::worlds::piano {

// Fine grid that all sizes are box averages of. Pixels are shifted by whole grid steps, so that
// jitter needs no resampling.
struct Grid {
  int width = 0, height = 0;       // pixels
  int fine_x = 1, fine_y = 1;      // grid steps per pixel
  int margin_x = 1, margin_y = 1;  // pixels around the picture
  float step_x = 1, step_y = 1;    // canvas units per grid step

  explicit Grid(int width_pixels, int height_pixels);
};

inline constexpr float kLargestShift = 2.5F;  // canvas units, of jitter and drift together
inline constexpr int kValueScale = 4080;      // internal value of white

// A patch at every sub-pixel phase: values[phase][row][column], and the pixel of its corner in the
// picture with margins.
struct Layer {
  int x = 0, y = 0, width = 0, height = 0;
  std::vector<std::int16_t> values;
};

// How far a key's layers are visible, each in 0..256.
inline constexpr int kKeyLayers = 6;  // surface, left wall, right wall, three front strips

// The keyboard with all keys up, and what pressing each key adds, as seen by the camera.
class Board {
 public:
  Board(const Grid& grid, const Look& look);

  // Copies the background into (H,W), shifted by whole grid steps.
  void background(int shift_x, int shift_y, std::int16_t* out);

  // Adds one key's layers, weights 0..256.
  void add_key(
      int pitch,
      const std::array<int, kKeyLayers>& weights,
      int shift_x,
      int shift_y,
      std::int16_t* out);

 private:
  struct Area {
    int x0 = 0, x1 = 0, y0 = 0, y1 = 0;
  };

  // Canvas position of a share (0..1) of a grid step, counted from the picture's corner.
  float canvas_x(int step, float share) const {
    return (static_cast<float>(step) + share) * grid_.step_x;
  }

  float canvas_y(int step, float share) const {
    return (static_cast<float>(step) + share) * grid_.step_y;
  }

  void shade_fine();
  Area layer_area(int pitch, int layer) const;
  float change_at(int pitch, int layer, float x, float y) const;
  void make_background_phase(int phase_x, int phase_y, std::vector<std::int16_t>& out) const;
  void make_key(int pitch);
  Layer make_layer(int pitch, int layer) const;

  Grid grid_;
  Look look_;
  Camera camera_;
  ToneCurve tone_;
  int fine_width_ = 0, fine_height_ = 0;
  std::vector<std::uint8_t> fine_;
  std::vector<std::vector<std::int16_t>> backgrounds_;  // per phase, made when first needed
  std::array<std::vector<Layer>, 88> keys_;             // made when first needed
};

// Shades of the keyboard in linear light, in canvas units.
float shade_up(const Look& look, float x, float y);

// Change of the shade when the key is down, split into layers; 0 outside the layer.
float shade_change(const Look& look, int pitch, int layer, float x, float y);

}  // namespace mmi::worlds::piano
