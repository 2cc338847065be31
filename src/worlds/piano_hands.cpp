#include "mmi/worlds/piano/hands.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "mmi/base/rng.h"
#include "mmi/worlds/piano/keyboard.h"
#include "piano_fingering.h"

namespace mmi::worlds::piano {
namespace {

constexpr double kW = kWhiteWidth;

// Right hand, relative to the middle of the knuckle line; the left hand is mirrored.
constexpr std::array<Point, 5> kRestTip = {
    {{-2.35 * kW, -14}, {-1.4 * kW, -31}, {-0.4 * kW, -35}, {0.6 * kW, -32}, {1.55 * kW, -23}}};
constexpr std::array<Point, 5> kKnuckle = {
    {{-1.75 * kW, 14}, {-1.15 * kW, 2}, {-0.35 * kW, 0}, {0.42 * kW, 2}, {1.12 * kW, 6}}};
// Where each finger meets a white and a black key.
constexpr std::array<double, 5> kWhiteTipY = {75, 65, 62, 64, 70};
constexpr std::array<double, 5> kBlackTipY = {53, 47, 44, 46, 50};
constexpr double kLeanGap = 1.6;    // s between reaches into the keys, on average
constexpr double kLeanRamp = 0.12;  // s
constexpr double kLeanLow = 14, kLeanHigh = 24;
constexpr double kReachTime = 0.15;  // s before a note at which the finger leaves for its key
constexpr double kLeaveTime = 0.12;

double mirror(Hand hand) {
  return hand == kRight ? 1.0 : -1.0;
}

double min_jerk(double s) {
  s = std::clamp(s, 0.0, 1.0);
  return s * s * s * (10 + s * (6 * s - 15));
}

Point mix(Point a, Point b, double t) {
  return {a.x + t * (b.x - a.x), a.y + t * (b.y - a.y)};
}

// Idle fingers keep their place between their neighbours; fingers on keys stay where they are.
void keep_order(std::array<FingerPose, 5>& fingers, double side) {
  for (int pass = 0; pass < 3; ++pass) {
    for (std::size_t i = 0; i + 1 < fingers.size(); ++i) {
      const double least = i == 0 ? 0.45 * kW : 0.62 * kW;
      const double lack = least - side * (fingers[i + 1].tip.x - fingers[i].tip.x);
      const double free_a = 1.02 - fingers[i].pressed;
      const double free_b = 1.02 - fingers[i + 1].pressed;
      if (lack > 0 && free_a + free_b > 0.2) {
        fingers[i].tip.x -= side * lack * free_a / (free_a + free_b);
        fingers[i + 1].tip.x += side * lack * free_b / (free_a + free_b);
      }
    }
  }
}

}  // namespace

Point rest_offset(Hand hand, int finger) {
  const Point& tip = kRestTip[static_cast<std::size_t>(finger - 1)];
  return {mirror(hand) * tip.x, tip.y};
}

HandsPlan::HandsPlan(const music::Notes& notes, std::uint64_t seed) : notes_(assign_hands(notes)) {
  for (Hand hand : {kLeft, kRight}) {
    finger_hand(hand, seed);
    add_leans(hand, seed);
  }
}

// Pianists reach into the keys now and then; while they do, the hand hides the keys it plays.
void HandsPlan::add_leans(Hand hand, std::uint64_t seed) {
  Motion& motion = motion_[static_cast<std::size_t>(hand)];
  Rng rng = Rng(seed).stream("piano.lean", static_cast<std::uint64_t>(hand));
  const double end_s = notes_.empty() ? 0 : notes_.back().note.offset_s;
  for (double t = rng.uniform(0, kLeanGap); t < end_s;) {
    const double length = static_cast<double>(3 + rng.integer(7)) / kFps;
    motion.leans.push_back({t, t + length, rng.uniform(kLeanLow, kLeanHigh)});
    t += length + 2 * kLeanRamp + kLeanGap * -std::log(1 - rng.uniform());
  }
}

double HandsPlan::lean_at(const Motion& motion, double time_s) const {
  const auto& leans = motion.leans;
  auto next = std::upper_bound(leans.begin(), leans.end(), time_s, [](double t, const Lean& lean) {
    return t < lean.begin_s - kLeanRamp;
  });
  if (next == leans.begin()) {
    return 0;
  }
  --next;
  return next->depth * min_jerk((time_s - next->begin_s) / kLeanRamp + 1) *
         (1 - min_jerk((time_s - next->end_s) / kLeanRamp));
}

void HandsPlan::finger_hand(Hand hand, std::uint64_t seed) {
  const Rng root = Rng(seed).stream("piano.hand", static_cast<std::uint64_t>(hand));
  Rng wobble = root.stream("wobble");
  Motion& motion = motion_[static_cast<std::size_t>(hand)];
  for (double& value : motion.wobble) {
    value = wobble.uniform();
  }
  std::vector<bool> started(notes_.size(), false);
  for (const Grip& grip : assign_fingers(notes_, hand)) {
    Point palm{0, 0};
    double release = 1e9;
    for (std::size_t i = 0; i < grip.held.size(); ++i) {
      const std::size_t n = grip.held[i];
      const auto f = static_cast<std::size_t>(grip.fingers[i] - 1);
      PlayedNote& played = notes_[n];
      release = std::min(release, played.note.offset_s);
      const KeyShape& key = key_shape(played.note.pitch);
      Rng place = root.stream("place", n);
      Point tip{key.center, key.black ? kBlackTipY[f] : kWhiteTipY[f]};
      tip.x += std::clamp(place.normal(0, key.black ? 0.7 : 1.5), -2.5, 2.5);
      tip.y += std::clamp(place.normal(0, 2.5), -5.0, 5.0);
      std::vector<Pin>& pins = motion.pins[f];
      if (!started[n]) {
        started[n] = true;
        played.finger = grip.fingers[i];
        pins.push_back({played.note.onset_s - 0.03, played.note.offset_s, tip});
      } else if (pins.empty() || pins.back().end_s < grip.time_s) {
        // Substitution: this finger takes the key over from another one.
        for (std::vector<Pin>& others : motion.pins) {
          if (&others != &pins && !others.empty() && others.back().end_s == played.note.offset_s &&
              std::abs(others.back().tip.x - key.center) < 3) {
            others.back().end_s = grip.time_s + 0.05;
          }
        }
        pins.push_back({grip.time_s, played.note.offset_s, tip});
      }
      const Point rest = rest_offset(hand, grip.fingers[i]);
      palm.x += tip.x - rest.x;
      palm.y += tip.y - rest.y;
    }
    const auto count = static_cast<double>(grip.held.size());
    palm = {palm.x / count, std::clamp(palm.y / count, 76.0, 98.0)};
    motion.stops.push_back({grip.time_s, release, palm});
  }
  if (motion.stops.empty()) {
    motion.stops.push_back({0, 0, {hand == kLeft ? 270.0 : 630.0, 150.0}});
  }
  for (std::vector<Pin>& pins : motion.pins) {  // a finger leaves a key before it takes the next
    for (std::size_t i = 0; i + 1 < pins.size(); ++i) {
      pins[i].end_s = std::min(pins[i].end_s, pins[i + 1].begin_s - 0.001);
    }
  }
}

Point HandsPlan::palm_at(const Motion& motion, double time_s) const {
  const auto& stops = motion.stops;
  const auto next = std::upper_bound(
      stops.begin(), stops.end(), time_s, [](double t, const Stop& s) { return t < s.time_s; });
  Point palm;
  if (next == stops.begin()) {
    palm = next->palm;
  } else if (next == stops.end()) {
    palm = stops.back().palm;
  } else {
    const Stop& from = *(next - 1);
    const double distance = std::abs(next->palm.x - from.palm.x) / kW;
    const double arrive = next->time_s - 0.02;
    const double latest = arrive - (0.07 + 0.012 * distance);
    const double leave = std::max(
        {from.time_s + 0.02,
         arrive - std::min(0.14 + 0.03 * distance, 0.5),
         std::min(from.release_s, latest)});
    palm = mix(from.palm, next->palm, min_jerk((time_s - leave) / std::max(0.02, arrive - leave)));
  }
  const auto& w = motion.wobble;
  constexpr double kTau = 2 * std::numbers::pi;
  palm.x +=
      1.2 * std::sin(kTau * (0.31 * time_s + w[0])) + 0.7 * std::sin(kTau * (0.83 * time_s + w[1]));
  palm.y +=
      1.2 * std::sin(kTau * (0.23 * time_s + w[2])) + 0.6 * std::sin(kTau * (0.71 * time_s + w[3]));
  return palm;
}

// Blends from the key last held, over the resting place, to the key that comes next.
void HandsPlan::place_tip(
    const std::vector<Pin>& pins, Point rest, double lean, double time_s, FingerPose& finger) {
  const auto next = std::upper_bound(
      pins.begin(), pins.end(), time_s, [](double t, const Pin& p) { return t < p.begin_s; });
  // A finger in the air goes with its hand: it lets go of, and waits for, a key out of reach.
  const auto within_reach = [&](const Pin& pin) {
    return std::clamp((4.6 - std::abs(pin.tip.x - rest.x) / kW) / 2.0, 0.0, 1.0);
  };
  double to_next = 0, from_last = 0;
  Point last_tip = rest, next_tip = rest;
  if (next != pins.end()) {
    double reach = kReachTime;
    if (next != pins.begin()) {
      reach = std::min(reach, std::max(0.02, next->begin_s - (next - 1)->end_s));
    }
    to_next = min_jerk(1 - (next->begin_s - time_s) / reach);
    to_next *= to_next + (1 - to_next) * within_reach(*next);
    next_tip = next->tip;
  }
  if (next != pins.begin()) {
    const Pin& last = *(next - 1);
    from_last = 1;
    if (time_s > last.end_s) {
      from_last = 1 - min_jerk((time_s - last.end_s) / kLeaveTime);
      from_last *= from_last + (1 - from_last) * within_reach(last);
    }
    last_tip = last.tip;
  }
  const auto slid = [lean](Point tip) {  // along its key, as the hand leans in
    return Point{tip.x, std::max(std::min(tip.y, 30.0), tip.y - 0.85 * lean)};
  };
  finger.tip = mix(mix(rest, slid(last_tip), from_last), slid(next_tip), to_next);
  finger.pressed = std::max(from_last * (1 - to_next), to_next);
}

HandPose HandsPlan::pose(Hand hand, double time_s) const {
  const Motion& motion = motion_[static_cast<std::size_t>(hand)];
  const double side = mirror(hand);
  HandPose pose;
  pose.palm = palm_at(motion, time_s);
  const double lean = lean_at(motion, time_s);
  pose.palm.y -= lean;
  // The elbow stays near the body: forearms of far hands come in slanted.
  const double slant = std::clamp((kCanvasWidth / 2 - pose.palm.x) * 0.0006, -0.22, 0.22);
  pose.wrist = {pose.palm.x + 55 * slant + side * 5, pose.palm.y + 52};
  for (std::size_t f = 0; f < 5; ++f) {
    FingerPose& finger = pose.fingers[f];
    const double idle = std::sin(
        2 * std::numbers::pi *
        ((0.2 + 0.05 * double(f)) * time_s + motion.wobble[4] + 0.37 * double(f)));
    const Point rest{
        pose.palm.x + side * kRestTip[f].x - slant * kRestTip[f].y * 0.3 + 0.8 * idle,
        pose.palm.y + kRestTip[f].y + 1.5 * idle};
    place_tip(motion.pins[f], rest, lean, time_s, finger);
  }
  keep_order(pose.fingers, side);
  for (std::size_t f = 0; f < 5; ++f) {
    FingerPose& finger = pose.fingers[f];
    finger.knuckle = {
        pose.palm.x + side * kKnuckle[f].x - slant * kKnuckle[f].y, pose.palm.y + kKnuckle[f].y};
    const double along = f == 0 ? 0.5 : 0.47;
    finger.joint = mix(finger.knuckle, finger.tip, along);
    finger.joint.x += f == 0 ? -side * 3.5 : side * 0.5 * (double(f) - 2.2);
  }
  return pose;
}

}  // namespace mmi::worlds::piano
