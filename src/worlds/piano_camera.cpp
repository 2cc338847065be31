#include "piano_camera.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "mmi/base/rng.h"

namespace mmi::worlds::piano {
namespace {

float between(Rng& rng, double low, double high) {
  return static_cast<float>(rng.uniform(low, high));
}

void draw_surfaces(Look& look, Rng rng, bool shift) {
  look.white = between(rng, 0.86, 0.94);
  look.black = between(rng, 0.08, 0.16);
  look.slip = between(rng, 0.10, 0.32);
  look.gap = between(rng, 0.30, 0.40);
  look.wall = between(rng, 0.24, 0.36);
  look.press_brightness = between(rng, 0.88, 0.94);
  look.press_shift = between(rng, 2.0, 3.0);
  look.skin = shift ? between(rng, 0.26, 0.42) : between(rng, 0.42, 0.74);
  look.sleeve = between(rng, 0.08, 0.7);
  look.has_sleeve = rng.chance(0.5);
  look.shadow_x = between(rng, 2, 5) * (rng.chance(0.5) ? 1.0F : -1.0F);
  look.shadow_y = between(rng, -3.5, -1);
  look.shadow = between(rng, 0.68, 0.82);
  look.attack_s = between(rng, 0.06, 0.08);
  look.release_s = between(rng, 0.08, 0.12);
}

void draw_lens(Look& look, Rng rng, bool shift) {
  const double more = shift ? 1.6 : 1.0;
  look.shift_x = between(rng, -6, 6);
  look.shift_y = between(rng, -3, 3);
  look.scale = 1.0F + between(rng, -0.015 * more, 0.015 * more);
  look.rotation =
      between(rng, -0.4 * more, 0.4 * more) * static_cast<float>(std::numbers::pi / 180);
  look.keystone = between(rng, -0.01, 0.01);
  look.barrel = between(rng, -0.02, 0.02);
}

}  // namespace

Look make_look(std::uint64_t camera_seed, bool shift, const RenderConfig& config) {
  const Rng root = Rng(camera_seed).stream("piano.look");
  Look look;
  draw_surfaces(look, root.stream("surfaces"), shift);
  if (config.camera) {
    draw_lens(look, root.stream("lens"), shift);
  }
  if (config.light) {
    Rng rng = root.stream("light");
    const double most = shift ? 0.40 : 0.25;
    look.gradient_x = between(rng, -most, most);
    look.gradient_y = between(rng, -0.1, 0.1);
    look.vignette = between(rng, 0.0, 0.12);
    look.gamma = between(rng, 0.8, 1.2);
  }
  Rng rng = root.stream("frames");
  look.noise = between(rng, 2, 4);
  look.drift = between(rng, 0.2, 0.6);
  if (!config.jitter) {
    look.jitter = look.drift = 0;
  }
  look.flicker = config.flicker ? look.flicker : 0;
  look.noise = config.noise ? look.noise : 0;
  return look;
}

Camera::Camera(const Look& look)
    : look_(look),
      cos_(std::cos(look.rotation)),
      sin_(std::sin(look.rotation)),
      inverse_scale_(1 / look.scale) {}

Point Camera::to_picture(Point keyboard) const {
  auto x = static_cast<float>(keyboard.x);
  auto y = static_cast<float>(keyboard.y);
  for (int i = 0; i < 6; ++i) {
    float kx = 0, ky = 0;
    to_keyboard(x, y, kx, ky);
    x += static_cast<float>(keyboard.x) - kx;
    y += static_cast<float>(keyboard.y) - ky;
  }
  return {x, y};
}

float light_x(const Look& look, float x) {
  const float u = (x - 450.0F) / 450.0F;
  return 0.97F * (1 + look.gradient_x * u * 0.5F) * (1 - look.vignette * u * u);
}

float light_y(const Look& look, float y) {
  const float v = (y - 50.0F) / 50.0F;
  return 1 + look.gradient_y * v * 0.5F;
}

ToneCurve::ToneCurve(float gamma) : table_(kSteps) {
  for (int i = 0; i < kSteps; ++i) {
    const float value = 1.25F * (static_cast<float>(i) + 0.5F) / kSteps;
    table_[static_cast<std::size_t>(i)] = std::min(255.0F, 255.0F * std::pow(value, gamma));
  }
}

}  // namespace mmi::worlds::piano
