#include "piano_occlusion.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "mmi/worlds/piano/keyboard.h"
#include "piano_limbs.h"

namespace mmi::worlds::piano {
namespace {

struct CuePoint {
  float x = 0, y = 0, weight = 1;
};

using Cue = std::vector<CuePoint>;

bool under_black(double x, double y, int white) {
  if (y >= kBlackFront) {
    return false;
  }
  for (int boundary : {white, white + 1}) {
    const double center = black_center_at_boundary(boundary);
    if (center >= 0 && std::abs(x - center) < kBlackWidth / 2) {
      return true;
    }
  }
  return false;
}

// A key turns about its back end, so its cue grows towards the front: surface brightness, side
// walls, and most of all the front edge.
Cue make_cue(int pitch) {
  const KeyShape& key = key_shape(pitch);
  Cue cue;
  constexpr int kRows = 12;
  for (int row = 0; row < kRows; ++row) {
    const double share = (row + 0.5) / kRows;
    const double y = kKeyTop + share * (key.front - kKeyTop);
    for (double across : {0.08, 0.3, 0.5, 0.7, 0.92}) {
      const double x = key.left + across * (key.right - key.left);
      const bool wall = across < 0.1 || across > 0.9;
      if (key.black || !under_black(x, y, key.white_index)) {
        // A wall is seen half as well beside the black keys.
        const double seen = key.black || y > kBlackFront ? 1.0 : 0.5;
        cue.push_back({float(x), float(y), float(share * (wall ? seen : 0.15))});
      }
    }
  }
  for (double across : {0.15, 0.38, 0.62, 0.85}) {
    const double x = key.left + across * (key.right - key.left);
    cue.push_back({float(x), float(key.front + (key.black ? -1 : 1)), 2.0F});
  }
  float total = 0;
  for (const CuePoint& point : cue) {
    total += point.weight;
  }
  for (CuePoint& point : cue) {
    point.weight /= total;
  }
  return cue;
}

const std::array<Cue, kKeys>& cues() {
  static const std::array<Cue, kKeys> instance = [] {
    std::array<Cue, kKeys> made;
    for (int i = 0; i < kKeys; ++i) {
      made[static_cast<std::size_t>(i)] = make_cue(i + kLowestPitch);
    }
    return made;
  }();
  return instance;
}

bool covered(const Limbs& limbs, const CuePoint& point) {
  for (std::size_t i = 0; i < limbs.count; ++i) {
    const Limb& limb = limbs.limb[i];
    const float reach = std::max(limb.ra, limb.rb);
    if (point.x < std::min(limb.ax, limb.bx) - reach ||
        point.x > std::max(limb.ax, limb.bx) + reach ||
        point.y < std::min(limb.ay, limb.by) - reach) {
      continue;
    }
    if (limb_distance(limb, point.x, point.y) < 0) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::vector<std::uint8_t> cue_occlusion(
    const HandsPlan& hands, const std::vector<std::uint8_t>& vision, std::int64_t frames) {
  std::vector<std::uint8_t> hidden(vision.size(), 0);
  for (std::int64_t f = 0; f < frames; ++f) {
    const std::uint8_t* held = &vision[static_cast<std::size_t>(f * kKeys)];
    if (std::none_of(held, held + kKeys, [](std::uint8_t v) { return v != 0; })) {
      continue;
    }
    const double time_s = (double(f) + 0.5) / kFps;
    const Limbs left = hand_limbs(hands.pose(kLeft, time_s), kLeft, false);
    const Limbs right = hand_limbs(hands.pose(kRight, time_s), kRight, false);
    for (int k = 0; k < kKeys; ++k) {
      if (held[k] == 0) {
        continue;
      }
      float share = 0;
      for (const CuePoint& point : cues()[static_cast<std::size_t>(k)]) {
        share += covered(left, point) || covered(right, point) ? point.weight : 0.0F;
      }
      hidden[static_cast<std::size_t>(f * kKeys + k)] =
          static_cast<std::uint8_t>(std::lround(std::min(1.0F, share) * 255));
    }
  }
  return hidden;
}

}  // namespace mmi::worlds::piano
