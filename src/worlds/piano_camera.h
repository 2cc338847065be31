#pragma once

#include <cstdint>
#include <vector>

#include "mmi/worlds/piano/hands.h"
#include "mmi/worlds/piano/renderer.h"

namespace mmi::worlds::piano {

// What is drawn once per video: geometry of the lens, light, and looks of keys and skin.
struct Look {
  // Geometry.
  float shift_x = 0, shift_y = 0, scale = 1, rotation = 0, keystone = 0, barrel = 0;
  // Light.
  float gradient_x = 0, gradient_y = 0, vignette = 0, gamma = 1;
  // Albedos and cues.
  float white = 0.9F, black = 0.11F, slip = 0.2F, gap = 0.35F, wall = 0.3F;
  float press_brightness = 0.91F, press_shift = 2.5F;
  float skin = 0.6F, sleeve = 0.2F;
  bool has_sleeve = false;
  // Shadow of the hands.
  float shadow_x = 3, shadow_y = -2, shadow = 0.75F;
  // Per-frame disturbances.
  float jitter = 0.3F, flicker = 0.015F, noise = 3, drift = 0.5F;
  float attack_s = 0.07F, release_s = 0.1F;
};

Look make_look(std::uint64_t camera_seed, bool shift, const RenderConfig& config);

// Maps between the keyboard's canvas and the picture's canvas (both 900 x 100).
class Camera {
 public:
  explicit Camera(const Look& look);

  // Picture -> keyboard.
  void to_keyboard(float x, float y, float& kx, float& ky) const {
    const float u = x - 450.0F - look_.shift_x;
    const float v = y - 50.0F - look_.shift_y;
    const float lens = 1.0F + look_.barrel * (u * u + v * v) * (1.0F / (450.0F * 450.0F));
    const float a = u * lens;
    const float b = v * lens;
    const float c = cos_ * a + sin_ * b;
    const float d = cos_ * b - sin_ * a;
    const float perspective = 1.0F + look_.keystone * d * 0.02F;
    kx = 450.0F + c * perspective * inverse_scale_;
    ky = 50.0F + d * inverse_scale_;
  }

  // Keyboard -> picture, by fixed-point iteration (the map is close to a shift).
  Point to_picture(Point keyboard) const;

 private:
  Look look_;
  float cos_ = 1, sin_ = 0, inverse_scale_ = 1;
};

// Brightness of the light at a point of the picture's canvas, as a product so that it is cheap.
float light_x(const Look& look, float x);
float light_y(const Look& look, float y);

// Linear value in [0, 1.2] -> display value in 0..255, with gamma.
class ToneCurve {
 public:
  explicit ToneCurve(float gamma);

  float operator()(float value) const {
    const float at = value * (kSteps / 1.25F);
    const int index = at <= 0 ? 0 : (at >= kSteps - 1 ? kSteps - 1 : static_cast<int>(at));
    return table_[static_cast<std::size_t>(index)];
  }

 private:
  static constexpr int kSteps = 4096;
  std::vector<float> table_;
};

}  // namespace mmi::worlds::piano
