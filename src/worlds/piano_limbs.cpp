#include "piano_limbs.h"

#include <algorithm>
#include <cmath>

namespace mmi::worlds::piano {
namespace {

constexpr std::array<float, 5> kBaseRadius = {7.6F, 6.7F, 6.8F, 6.5F, 5.8F};
constexpr std::array<float, 5> kJointRadius = {6.6F, 6.3F, 6.4F, 6.1F, 5.4F};
constexpr std::array<float, 5> kTipRadius = {5.9F, 5.2F, 5.3F, 5.0F, 4.5F};

void add(Limbs& limbs, Point a, Point b, float ra, float rb, float edge, float fade, float tone) {
  Limb limb;
  limb.ax = static_cast<float>(a.x);
  limb.ay = static_cast<float>(a.y);
  limb.bx = static_cast<float>(b.x);
  limb.by = static_cast<float>(b.y);
  limb.ra = ra;
  limb.rb = rb;
  limb.edge = edge;
  limb.base_fade = fade;
  limb.tone = tone;
  limbs.limb[limbs.count++] = limb;
}

void highlight(Limbs& limbs, float light, float spread, bool fingertip) {
  Limb& limb = limbs.limb[limbs.count - 1];
  limb.tip_light = light;
  limb.tip_spread = spread;
  limb.fingertip = fingertip;
}

// A cuff lies across the hand, a bare arm runs into it.
void add_forearm(Limbs& limbs, const HandPose& pose, double side, bool sleeve) {
  const Point elbow_side{pose.wrist.x - side * 4, pose.wrist.y + 60};
  if (sleeve) {
    const double cuff = pose.wrist.y + 2;
    add(limbs, {pose.wrist.x - 17, cuff}, {pose.wrist.x + 17, cuff}, 20, 20, 0.3F, 0, 1.0F);
    limbs.limb[limbs.count - 1].sleeve = true;
    add(limbs, elbow_side, {pose.wrist.x, cuff + 8}, 40, 36, 0.3F, 0, 1.0F);
    limbs.limb[limbs.count - 1].sleeve = true;
  } else {
    add(limbs, elbow_side, {pose.wrist.x, pose.wrist.y + 12}, 28, 22, 0.25F, 0, 0.97F);
  }
}

}  // namespace

Limbs hand_limbs(const HandPose& pose, Hand hand, bool sleeve) {
  Limbs limbs;
  const double side = hand == kRight ? 1 : -1;
  const auto& f = pose.fingers;
  // Thumb: below the palm.
  const Point thumb_root{pose.wrist.x - side * 18, pose.wrist.y - 14};
  add(limbs, thumb_root, f[0].knuckle, 11, 8.2F, 0.22F, 0.3F, 0.95F);
  add(limbs, f[0].knuckle, f[0].joint, kBaseRadius[0], kJointRadius[0], 0.34F, 0.5F, 0.97F);
  highlight(limbs, 0.07F, 0.9F, false);
  add(limbs, f[0].joint, f[0].tip, kJointRadius[0], kTipRadius[0], 0.40F, 0.25F, 1.0F);
  highlight(limbs, 0.13F, 0.6F, true);
  if (!sleeve) {
    add_forearm(limbs, pose, side, false);
  }
  // Back of the hand, from the little finger's side inwards.
  for (std::size_t i : {4U, 3U, 1U, 2U}) {
    const double at = (static_cast<double>(i) - 2.4) * 10.5;
    const Point root{pose.wrist.x + side * at, pose.wrist.y};
    add(limbs, root, f[i].knuckle, 15, 10.5F, 0.20F, 0.2F, i == 2 ? 1.0F : 0.97F);
    highlight(limbs, 0.08F, 0.6F, false);
  }
  if (sleeve) {
    add_forearm(limbs, pose, side, true);
  }
  for (std::size_t i : {4U, 3U, 1U, 2U}) {
    add(limbs, f[i].knuckle, f[i].joint, kBaseRadius[i], kJointRadius[i], 0.38F, 0.8F, 1.0F);
    highlight(limbs, 0.07F, 0.9F, false);
    add(limbs, f[i].joint, f[i].tip, kJointRadius[i], kTipRadius[i], 0.42F, 0.2F, 1.02F);
    highlight(limbs, 0.13F, 0.6F, true);
  }
  return limbs;
}

float limb_distance(const Limb& limb, float x, float y) {
  const float bax = limb.bx - limb.ax;
  const float bay = limb.by - limb.ay;
  const float px = x - limb.ax;
  const float py = y - limb.ay;
  const float length2 = std::max(1e-6F, bax * bax + bay * bay);
  const float t = std::clamp((px * bax + py * bay) / length2, 0.0F, 1.0F);
  const float dx = px - t * bax;
  const float dy = py - t * bay;
  return std::sqrt(dx * dx + dy * dy) - (limb.ra + t * (limb.rb - limb.ra));
}

}  // namespace mmi::worlds::piano
