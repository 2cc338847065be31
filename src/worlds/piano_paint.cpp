#include "piano_paint.h"

#include <algorithm>
#include <cmath>

#include "mmi/worlds/piano/keyboard.h"

namespace mmi::worlds::piano {
namespace {

constexpr float kShadowSoftness = 3.0F;

float clamp01(float v) {
  v = v < 0 ? 0 : v;
  return v > 1 ? 1 : v;
}

// One row of a limb: covers pixels [0, count) whose centres start at (x, y) relative to the limb's
// a, `step` apart. Branch-free, so that it is vectorised.
struct RowPainter {
  float bax, bay, inverse_length2, ra, dr;
  float foot_x, foot_y;  // anti-aliasing and motion footprint
  float light_x, light_y, edge, inverse_fade, tone, nail, inverse_nail;

  void paint(
      float x, float y, float step, int count, float* __restrict alpha, float* __restrict value)
      const {
    const RowPainter p = *this;
    for (int i = 0; i < count; ++i) {
      const float px = x + static_cast<float>(i) * step;
      const float t = clamp01((px * p.bax + y * p.bay) * p.inverse_length2);
      const float dx = px - t * p.bax;
      const float dy = y - t * p.bay;
      const float d = std::sqrt(dx * dx + dy * dy) + 1e-4F;
      const float r = p.ra + t * p.dr;
      const float foot = (std::fabs(dx) * p.foot_x + std::fabs(dy) * p.foot_y) / d + 1e-3F;
      const float cover = clamp01(0.5F + (r - d) / foot);
      const float across = d / r;
      const float round = across > 1 ? 1 : across;
      const float fade = clamp01(t * p.inverse_fade);
      const float lit = (dx * p.light_x + dy * p.light_y) / r;
      const float to_tip_x = px - 0.97F * p.bax;
      const float to_tip_y = y - 0.97F * p.bay;
      const float nail =
          clamp01(1.3F - (to_tip_x * to_tip_x + to_tip_y * to_tip_y) * p.inverse_nail);
      const float shade = p.tone * (1 + fade * (lit - p.edge * round * round)) + p.nail * nail;
      alpha[i] += (1 - alpha[i]) * cover;
      value[i] += (shade - value[i]) * cover;
    }
  }
};

}  // namespace

HandPainter::HandPainter(const Grid& grid, const Look& look)
    : grid_(grid),
      look_(look),
      tone_(look.gamma),
      pixel_x_(grid.step_x * static_cast<float>(grid.fine_x)),
      pixel_y_(grid.step_y * static_cast<float>(grid.fine_y)) {
  const auto size = static_cast<std::size_t>(grid.width) * static_cast<std::size_t>(grid.height);
  alpha_.assign(size, 0);
  value_.assign(size, 0);
  shadow_.assign(size, 0);
  for (int i = 0; i < grid.width; ++i) {
    light_.push_back(light_x(look, (static_cast<float>(i) + 0.5F) * pixel_x_));
  }
}

void HandPainter::begin() {
  const auto clear = [this](std::vector<float>& buffer, const Box& box) {
    for (int y = box.y0; y < box.y1 && !box.empty(); ++y) {
      float* row = &buffer[static_cast<std::size_t>(y * grid_.width)];
      std::fill(row + box.x0, row + box.x1, 0.0F);
    }
  };
  clear(alpha_, painted_);
  clear(value_, painted_);
  clear(shadow_, shaded_);
  painted_ = shaded_ = {};
}

HandPainter::Box HandPainter::box_of(const Limb& limb, float pad_x, float pad_y) const {
  const float reach = std::max(limb.ra, limb.rb);
  Box box;
  box.x0 = std::max(
      0, static_cast<int>(std::floor((std::min(limb.ax, limb.bx) - reach - pad_x) / pixel_x_)));
  box.x1 = std::min(
      grid_.width,
      static_cast<int>(std::ceil((std::max(limb.ax, limb.bx) + reach + pad_x) / pixel_x_)));
  box.y0 = std::max(
      0, static_cast<int>(std::floor((std::min(limb.ay, limb.by) - reach - pad_y) / pixel_y_)));
  box.y1 = std::min(
      grid_.height,
      static_cast<int>(std::ceil((std::max(limb.ay, limb.by) + reach + pad_y) / pixel_y_)));
  return box;
}

void HandPainter::include(Box& all, const Box& box) const {
  if (all.empty()) {
    all = box;
  } else if (!box.empty()) {
    all = {
        std::min(all.x0, box.x0),
        std::max(all.x1, box.x1),
        std::min(all.y0, box.y0),
        std::max(all.y1, box.y1)};
  }
}

void HandPainter::add_shadow(const SeenLimb& seen, float height_a, float height_b) {
  Limb limb = seen.limb;
  limb.ax += look_.shadow_x * height_a;
  limb.ay += look_.shadow_y * height_a;
  limb.bx += look_.shadow_x * height_b;
  limb.by += look_.shadow_y * height_b;
  const float soft = kShadowSoftness + pixel_x_ + seen.blur_x;
  const Box box = box_of(limb, soft / 2, (kShadowSoftness + pixel_y_) / 2);
  if (box.empty()) {
    return;
  }
  include(shaded_, box);
  const float bax = limb.bx - limb.ax, bay = limb.by - limb.ay;
  const float inverse = 1 / std::max(1e-4F, bax * bax + bay * bay);
  const float ra = limb.ra, dr = limb.rb - limb.ra;
  const float inverse_soft = 1 / (kShadowSoftness + 0.5F * (pixel_x_ + pixel_y_));
  for (int row = box.y0; row < box.y1; ++row) {
    const float y = (static_cast<float>(row) + 0.5F) * pixel_y_ - limb.ay;
    const float x = (static_cast<float>(box.x0) + 0.5F) * pixel_x_ - limb.ax;
    float* __restrict out = &shadow_[static_cast<std::size_t>(row * grid_.width + box.x0)];
    const int count = box.x1 - box.x0;
    const float step = pixel_x_;
    for (int i = 0; i < count; ++i) {
      const float px = x + static_cast<float>(i) * step;
      const float t = clamp01((px * bax + y * bay) * inverse);
      const float dx = px - t * bax;
      const float dy = y - t * bay;
      const float cover =
          clamp01(0.5F + (ra + t * dr - std::sqrt(dx * dx + dy * dy)) * inverse_soft);
      out[i] = out[i] > cover ? out[i] : cover;
    }
  }
}

void HandPainter::add_limb(const SeenLimb& seen) {
  const Limb& limb = seen.limb;
  const float foot_x = pixel_x_ + seen.blur_x, foot_y = pixel_y_ + seen.blur_y;
  const float diagonal = std::hypot(foot_x, foot_y);
  const Box box = box_of(limb, 0.25F * (foot_x + diagonal), 0.25F * (foot_y + diagonal));
  if (box.empty()) {
    return;
  }
  include(painted_, box);
  const float albedo = limb.sleeve ? look_.sleeve : look_.skin;
  const float lamp = 1 / std::hypot(look_.shadow_x, look_.shadow_y);
  RowPainter p{};
  p.bax = limb.bx - limb.ax;
  p.bay = limb.by - limb.ay;
  p.inverse_length2 = 1 / std::max(1e-4F, p.bax * p.bax + p.bay * p.bay);
  p.ra = limb.ra;
  p.dr = limb.rb - limb.ra;
  p.foot_x = foot_x;
  p.foot_y = foot_y;
  p.light_x = -0.15F * look_.shadow_x * lamp;
  p.light_y = -0.15F * look_.shadow_y * lamp;
  p.edge = limb.edge;
  p.inverse_fade = limb.base_fade > 0 ? 1 / limb.base_fade : 1e6F;
  p.tone = limb.tone * albedo;
  p.nail = limb.tip_light * albedo;
  p.inverse_nail = 1 / (limb.rb * limb.rb * limb.tip_spread * limb.tip_spread);
  const float x = (static_cast<float>(box.x0) + 0.5F) * pixel_x_ - limb.ax;
  for (int row = box.y0; row < box.y1; ++row) {
    const float y = (static_cast<float>(row) + 0.5F) * pixel_y_ - limb.ay;
    const auto at = static_cast<std::size_t>(row * grid_.width + box.x0);
    p.paint(x, y, pixel_x_, box.x1 - box.x0, &alpha_[at], &value_[at]);
  }
}

void HandPainter::compose(std::int16_t* out) const {
  if (!shaded_.empty()) {
    const float strength = 1 - std::pow(look_.shadow, look_.gamma);
    for (int row = shaded_.y0; row < shaded_.y1; ++row) {
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(row) * grid_.width;
      std::int16_t* __restrict line = out + at;
      const float* __restrict shadow = shadow_.data() + at;
      for (int i = shaded_.x0; i < shaded_.x1; ++i) {
        line[i] = static_cast<std::int16_t>(
            static_cast<float>(line[i]) * (1 - strength * shadow[i]) + 0.5F);
      }
    }
  }
  if (painted_.empty()) {
    return;
  }
  constexpr float kUnit = kValueScale / 255.0F;
  for (int row = painted_.y0; row < painted_.y1; ++row) {
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(row) * grid_.width;
    std::int16_t* line = out + at;
    const float light = light_y(look_, (static_cast<float>(row) + 0.5F) * pixel_y_);
    for (int i = painted_.x0; i < painted_.x1; ++i) {
      const float a = alpha_[static_cast<std::size_t>(at + i)];
      if (a > 0) {
        // value_ was blended from black, as alpha was from transparent.
        const float skin = value_[static_cast<std::size_t>(at + i)] / a;
        const float shown = tone_(skin * light * light_[static_cast<std::size_t>(i)]) * kUnit;
        line[i] =
            static_cast<std::int16_t>(static_cast<float>(line[i]) * (1 - a) + shown * a + 0.5F);
      }
    }
  }
}

}  // namespace mmi::worlds::piano
