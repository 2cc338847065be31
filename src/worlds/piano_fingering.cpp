#include "piano_fingering.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "mmi/worlds/piano/keyboard.h"

namespace mmi::worlds::piano {
namespace {

constexpr double kChordWindow = 0.035;
constexpr int kMasks = 32;

// Largest comfortable distance in white widths between the tips of fingers i and j.
constexpr std::array<std::array<double, 6>, 6> kStretch = {
    {{0, 0, 0, 0, 0, 0},
     {0, 0, 4.5, 5.5, 6.5, 8.0},
     {0, 4.5, 0, 2.2, 3.6, 5.0},
     {0, 5.5, 2.2, 0, 1.8, 3.4},
     {0, 6.5, 3.6, 1.8, 0, 2.2},
     {0, 8.0, 5.0, 3.4, 2.2, 0}}};

double white_position(int pitch) {
  return key_shape(pitch).center / kWhiteWidth;
}

std::vector<Grip> make_grips(const std::vector<PlayedNote>& notes, Hand hand) {
  std::vector<Grip> grips;
  std::vector<std::size_t> held;
  for (std::size_t i = 0; i < notes.size(); ++i) {
    if (notes[i].hand != hand) {
      continue;
    }
    const double now = notes[i].note.onset_s;
    if (grips.empty() || now > grips.back().time_s + kChordWindow) {
      grips.push_back({now, {}, {}});
      std::erase_if(held, [&](std::size_t n) { return notes[n].note.offset_s <= now + 0.02; });
    }
    held.push_back(i);
    grips.back().held = held;
  }
  for (Grip& grip : grips) {
    std::sort(grip.held.begin(), grip.held.end(), [&](std::size_t a, std::size_t b) {
      return notes[a].note.pitch < notes[b].note.pitch;
    });
    // Ends of a roll that were released within it: a hand has five fingers.
    while (grip.held.size() > 5) {
      auto oldest =
          std::min_element(grip.held.begin(), grip.held.end(), [&](std::size_t a, std::size_t b) {
            return notes[a].note.offset_s < notes[b].note.offset_s;
          });
      grip.held.erase(oldest);
    }
  }
  return grips;
}

// Fingers of a set, in ascending pitch order: the left hand's little finger plays lowest.
std::vector<int> fingers_of(int mask, Hand hand) {
  std::vector<int> fingers;
  for (int f = 1; f <= 5; ++f) {
    if (mask >> (f - 1) & 1) {
      fingers.push_back(f);
    }
  }
  if (hand == kLeft) {
    std::reverse(fingers.begin(), fingers.end());
  }
  return fingers;
}

struct Shape {
  double cost = 0;
  double position = 0;  // of the palm, in white widths
};

Shape grip_shape(
    const std::vector<PlayedNote>& notes,
    const Grip& grip,
    const std::vector<int>& fingers,
    Hand hand) {
  Shape shape;
  for (std::size_t i = 0; i < fingers.size(); ++i) {
    const int pitch = notes[grip.held[i]].note.pitch;
    const double x = white_position(pitch);
    shape.position += x - rest_offset(hand, fingers[i]).x / kWhiteWidth;
    const bool black = key_shape(pitch).black;
    shape.cost += black && fingers[i] == 1 ? 0.9 : 0.0;
    shape.cost += black && fingers[i] == 5 ? 0.5 : 0.0;
    shape.cost += fingers[i] == 4 ? 0.12 : (fingers[i] == 5 ? 0.10 : 0.0);
    for (std::size_t j = 0; j < i; ++j) {
      const double distance = x - white_position(notes[grip.held[j]].note.pitch);
      const auto a = static_cast<std::size_t>(fingers[i]);
      const auto b = static_cast<std::size_t>(fingers[j]);
      const double natural = std::abs(fingers[i] - fingers[j]);
      const double stretch = std::max(0.0, distance - kStretch[a][b]);
      const double squeeze = std::max(0.0, natural * 0.6 - distance);
      shape.cost +=
          0.15 * std::pow(distance - natural, 2) + 4 * stretch * stretch + 3 * squeeze * squeeze;
    }
  }
  shape.position /= std::max<double>(1.0, static_cast<double>(fingers.size()));
  return shape;
}

double transition(
    const std::vector<PlayedNote>& notes,
    const Grip& before,
    const std::vector<int>& from,
    const Grip& after,
    const std::vector<int>& to,
    double move) {
  const double gap = std::max(0.05, after.time_s - before.time_s);
  double cost = 0.5 * std::abs(move) * std::min(1.5, 0.6 + 0.15 / gap);
  for (std::size_t i = 0; i < to.size(); ++i) {
    for (std::size_t j = 0; j < from.size(); ++j) {
      const bool same_note = after.held[i] == before.held[j];
      const bool same_finger = to[i] == from[j];
      if (same_note && !same_finger) {
        cost += 9;  // silent substitution
      }
      if (!same_note && same_finger &&
          notes[after.held[i]].note.pitch != notes[before.held[j]].note.pitch) {
        cost += gap < 0.4 ? 1.6 : 0.5;
      }
    }
  }
  return cost;
}

}  // namespace

std::vector<Grip> assign_fingers(const std::vector<PlayedNote>& notes, Hand hand) {
  std::vector<Grip> grips = make_grips(notes, hand);
  constexpr double kNever = std::numeric_limits<double>::infinity();
  std::vector<std::array<int, kMasks>> from(grips.size());
  std::array<std::vector<int>, kMasks> fingers;
  for (int mask = 0; mask < kMasks; ++mask) {
    fingers[static_cast<std::size_t>(mask)] = fingers_of(mask, hand);
  }
  std::array<double, kMasks> cost{};
  std::array<double, kMasks> position{};
  for (std::size_t i = 0; i < grips.size(); ++i) {
    std::array<double, kMasks> next_cost;
    std::array<double, kMasks> next_position{};
    next_cost.fill(kNever);
    for (std::size_t mask = 1; mask < kMasks; ++mask) {
      if (fingers[mask].size() != grips[i].held.size()) {
        continue;
      }
      const Shape shape = grip_shape(notes, grips[i], fingers[mask], hand);
      next_position[mask] = shape.position;
      if (i == 0) {
        next_cost[mask] = shape.cost;
        continue;
      }
      for (std::size_t p = 1; p < kMasks; ++p) {
        if (fingers[p].size() != grips[i - 1].held.size()) {
          continue;
        }
        const double move = shape.position - position[p];
        const double total =
            cost[p] + shape.cost +
            transition(notes, grips[i - 1], fingers[p], grips[i], fingers[mask], move);
        if (total < next_cost[mask]) {
          next_cost[mask] = total;
          from[i][mask] = static_cast<int>(p);
        }
      }
    }
    cost = next_cost;
    position = next_position;
  }
  auto state = static_cast<std::size_t>(std::min_element(cost.begin(), cost.end()) - cost.begin());
  for (std::size_t i = grips.size(); i-- > 0;) {
    grips[i].fingers = fingers[state];
    state = static_cast<std::size_t>(from[i][state]);
  }
  return grips;
}

}  // namespace mmi::worlds::piano
