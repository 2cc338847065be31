#include <algorithm>
#include <cmath>

#include "mmi/worlds/piano/keyboard.h"
#include "piano_board.h"

namespace mmi::worlds::piano {
namespace {

constexpr float kW = static_cast<float>(kWhiteWidth);
constexpr float kTop = static_cast<float>(kKeyTop);
constexpr float kFront = static_cast<float>(kKeyFront);
constexpr float kBFront = static_cast<float>(kBlackFront);
constexpr float kHalfBlack = static_cast<float>(kBlackWidth) / 2;
constexpr float kSlope = 5.0F;  // length of a black key's front slope

float smooth(float low, float high, float value) {
  const float t = std::clamp((value - low) / (high - low), 0.0F, 1.0F);
  return t * t * (3 - 2 * t);
}

// Stripe of light along a black key's top, as a share of its strength.
float stripe(float across, float y) {
  const float t = (across + 0.30F) / 0.22F;
  return std::max(0.0F, 1 - t * t) * (0.45F + 0.55F * smooth(kTop, kBFront - 8, y));
}

float shade_black(const Look& look, float across, float y) {
  const float side = std::abs(across);
  if (side > 0.74F) {
    return across < 0 ? look.black * 1.25F : look.black * 0.55F;
  }
  if (y > kBFront - kSlope) {
    const float t = (kBFront - y) / kSlope;  // 1 at the top edge
    return look.black * (0.75F + 0.5F * t) + 0.10F * t * t;
  }
  return look.black + 0.17F * stripe(across, y);
}

float shade_white(const Look& look, float x, float y, int white, const double* black) {
  const float left = static_cast<float>(white) * kW;
  const float inside = std::min(x - left, left + kW - x);
  // Rounded front corners.
  if (y > kFront - 2) {
    const float corner = inside < 2 ? 2 - inside : 0;
    const float down = y - (kFront - 2);
    if (corner * corner + down * down > 4.2F) {
      return 0.06F;
    }
  }
  if (inside < 0.5F) {
    return look.white * look.gap;
  }
  float value = look.white * (0.86F + 0.14F * smooth(kTop, kTop + 22, y));
  value *= 1 - 0.05F * smooth(kFront - 5, kFront, y);
  if (inside < 1.2F) {
    value *= 0.94F;
  }
  for (int i = 0; i < 2; ++i) {
    if (black[i] < 0 || y > kBFront + 3) {
      continue;
    }
    const float away = x - static_cast<float>(black[i]);
    const float gap = std::abs(away) - kHalfBlack;
    if (y < kBFront + 0.4F && gap < 0.5F) {
      return 0.10F;
    }
    // Black keys throw their shadow to the side away from the light.
    const bool shaded = (away > 0) == (look.shadow_x > 0);
    const float reach = shaded ? 3.2F : 0.9F;
    const float along = y < kBFront ? 1.0F : 1 - (y - kBFront) / 3;
    const float near = 1 - std::max(gap, 0.0F) / reach;
    if (near > 0 && along > 0) {
      value *= 1 - (shaded ? 0.34F : 0.25F) * near * along;
    }
  }
  return value;
}

float shade_keys(const Look& look, float x, float y) {
  const int white = static_cast<int>(std::floor(x / kW));
  if (white < 0 || white >= kWhiteKeys) {
    return 0.13F;  // key block
  }
  const double black[2] = {black_center_at_boundary(white), black_center_at_boundary(white + 1)};
  if (y < kBFront) {
    for (double center : black) {
      const float across = (x - static_cast<float>(center)) / kHalfBlack;
      if (center >= 0 && std::abs(across) < 1) {
        return shade_black(look, across, y);
      }
    }
  }
  return shade_white(look, x, y, white, black);
}

float press_share(float y, float front) {
  return 0.1F + 0.9F * std::clamp((y - kTop) / (front - kTop), 0.0F, 1.0F);
}

bool in_white_body(int white, float x, float y) {
  if (y < kBFront) {
    for (int boundary : {white, white + 1}) {
      const double center = black_center_at_boundary(boundary);
      if (center >= 0 && std::abs(x - static_cast<float>(center)) < kHalfBlack + 0.4F) {
        return false;
      }
    }
  }
  return true;
}

// Distances from the visible left and right edge of a white key at this height.
void white_edges(const KeyShape& key, float x, float y, float& from_left, float& from_right) {
  float left = static_cast<float>(key.left) + 0.5F;
  float right = static_cast<float>(key.right) - 0.5F;
  if (y < kBFront) {
    const double a = black_center_at_boundary(key.white_index);
    const double b = black_center_at_boundary(key.white_index + 1);
    left = a >= 0 ? std::max(left, static_cast<float>(a) + kHalfBlack + 0.4F) : left;
    right = b >= 0 ? std::min(right, static_cast<float>(b) - kHalfBlack - 0.4F) : right;
  }
  from_left = x - left;
  from_right = right - x;
}

float change_white(const Look& look, const KeyShape& key, int layer, float x, float y) {
  float from_left = 0, from_right = 0;
  white_edges(key, x, y, from_left, from_right);
  if (from_left < 0 || from_right < 0 || y < kTop) {
    return 0;
  }
  if (layer >= 3) {
    // The front edge comes forward over the dark slot and the key slip, one third after another.
    const float third = look.press_shift / 3;
    const float begin = kFront - 0.4F + static_cast<float>(layer - 3) * third;
    const bool corner = std::min(from_left, from_right) < 0.8F;
    if (corner || y < begin || y >= begin + third + (layer == 5 ? 0.8F : 0.0F)) {
      return 0;
    }
    const bool slot = y >= begin + third;
    return (slot ? 0.05F : look.white * 0.80F) - shade_up(look, x, y);
  }
  if (y >= kFront || !in_white_body(key.white_index, x, y)) {
    return 0;
  }
  const float share = press_share(y, kFront);
  const float up = shade_up(look, x, y);
  const float surface = -(1 - look.press_brightness) * share * up;
  if (layer == 0) {
    return surface;
  }
  // The camera hangs over the middle of the keyboard: it sees more of the wall that faces it.
  const float facing = (450.0F - static_cast<float>(key.center)) / 450.0F;
  float width = (1.5F + (layer == 1 ? 0.5F : -0.5F) * facing) * share + 0.1F;
  width *= y < kBFront ? 0.5F : 1.0F;  // beside black keys the wall is dark anyway
  const float distance = layer == 1 ? from_left : from_right;
  return distance < width ? look.wall * look.white - (up + surface) : 0;
}

float change_black(const Look& look, const KeyShape& key, int layer, float x, float y) {
  const float across = (x - static_cast<float>(key.center)) / kHalfBlack;
  if (y < kTop || y >= kBFront || std::abs(across) > 1.7F) {
    return 0;
  }
  const float share = press_share(y, kBFront);
  if (std::abs(across) >= 1) {
    // Less shadow beside a lowered key.
    const float up = shade_up(look, x, y);
    return layer == 0 && std::abs(across) > 1.1F && up < look.white && up > 0.3F
               ? 0.35F * share * (look.white * 0.95F - up)
               : 0;
  }
  const float up = shade_up(look, x, y);
  const bool top = std::abs(across) < 0.74F && y < kBFront - kSlope;
  if (layer == 0) {
    const float light = top ? -0.30F * 0.17F * stripe(across, y) : 0.0F;
    return share * (light - 0.22F * up);
  }
  if (layer == 1 || layer == 2) {
    // White neighbours now stand beside it: their walls catch light.
    const bool here = layer == 1 ? across < -0.86F : across > 0.86F;
    return here ? share * (0.36F - up) : 0;
  }
  const float third = 2.2F / 3;
  const float end = kBFront - static_cast<float>(layer - 3) * third;
  if (y < end - third || y >= end) {
    return 0;
  }
  return look.white * 0.62F - up * (1 - 0.22F * share);
}

}  // namespace

float shade_up(const Look& look, float x, float y) {
  if (y < kTop) {
    if (y > kTop - 1.6F) {
      return 0.17F;  // felt
    }
    // The lacquered fallboard mirrors the keys.
    const float mirrored = kTop + (kTop - 1.6F - y) * 1.8F + 1;
    return 0.06F + 0.13F * shade_keys(look, x, std::min(mirrored, kBFront - 1));
  }
  if (y < kFront) {
    return shade_keys(look, x, y);
  }
  if (y < kFront + 1.1F) {
    return 0.05F;
  }
  return look.slip * (1 + 0.02F * (y - kFront));
}

float shade_change(const Look& look, int pitch, int layer, float x, float y) {
  const KeyShape& key = key_shape(pitch);
  return key.black ? change_black(look, key, layer, x, y) : change_white(look, key, layer, x, y);
}

}  // namespace mmi::worlds::piano
