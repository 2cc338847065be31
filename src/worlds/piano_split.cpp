#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "mmi/worlds/piano/keyboard.h"
#include "piano_fingering.h"

namespace mmi::worlds::piano {
namespace {

constexpr double kChordWindow = 0.035;
constexpr double kWidestSpan = 9.2;  // white widths one hand can hold
constexpr std::size_t kFingers = 5;

double white_position(int pitch) {
  return key_shape(pitch).center / kWhiteWidth;
}

struct Slice {
  double time_s = 0;
  std::size_t begin = 0, end = 0;   // notes that begin here
  std::vector<std::size_t> active;  // and those held from before
};

std::vector<Slice> make_slices(const music::Notes& notes) {
  std::vector<Slice> slices;
  for (std::size_t i = 0; i < notes.size(); ++i) {
    if (slices.empty() || notes[i].onset_s > slices.back().time_s + kChordWindow) {
      slices.push_back({notes[i].onset_s, i, i, {}});
    }
    slices.back().end = i + 1;
  }
  std::vector<std::size_t> held;
  for (Slice& slice : slices) {
    std::erase_if(
        held, [&](std::size_t i) { return notes[i].offset_s <= slice.time_s + kChordWindow; });
    for (std::size_t i = slice.begin; i < slice.end; ++i) {
      held.push_back(i);
    }
    slice.active = held;
  }
  return slices;
}

double side_cost(double lowest, double highest, std::size_t count) {
  const double span = count == 0 ? 0 : highest - lowest;
  const double wide = std::max(0.0, span - 7.0);
  const double many = count > kFingers ? 6.0 * static_cast<double>(count - kFingers) : 0.0;
  return 2.0 * wide * wide + many;
}

double split_cost(const music::Notes& notes, const Slice& slice, int split, double middle) {
  double low[2] = {1e9, 1e9}, high[2] = {-1e9, -1e9};
  std::size_t count[2] = {0, 0};
  for (std::size_t i : slice.active) {
    const int side = notes[i].pitch >= split;
    const double x = white_position(notes[i].pitch);
    low[side] = std::min(low[side], x);
    high[side] = std::max(high[side], x);
    ++count[side];
  }
  double cost = side_cost(low[0], high[0], count[0]) + side_cost(low[1], high[1], count[1]);
  if (count[0] + count[1] >= 3 && (count[0] == 0 || count[1] == 0)) {
    cost += 0.4;
  }
  return cost + 0.05 * std::abs(split - middle);
}

// Middle between the outer voices around each slice: where a pianist would divide the texture.
std::vector<double> local_middle(const music::Notes& notes, const std::vector<Slice>& slices) {
  std::vector<double> middle(slices.size());
  for (std::size_t i = 0; i < slices.size(); ++i) {
    double low = 127, high = 0;
    for (std::size_t j = i; j-- > 0 && slices[j].time_s > slices[i].time_s - 1.5;) {
      for (std::size_t n : slices[j].active) {
        low = std::min(low, double(notes[n].pitch));
        high = std::max(high, double(notes[n].pitch));
      }
    }
    for (std::size_t j = i; j < slices.size() && slices[j].time_s < slices[i].time_s + 1.5; ++j) {
      for (std::size_t n : slices[j].active) {
        low = std::min(low, double(notes[n].pitch));
        high = std::max(high, double(notes[n].pitch));
      }
    }
    // A narrow texture is divided near middle C, so that one line stays in one hand.
    const double weight = std::clamp((high - low - 8) / 16, 0.0, 1.0);
    middle[i] =
        weight * 0.5 * (low + high) + (1 - weight) * (0.5 * (low + high) > 61 ? low - 2 : high + 3);
  }
  return middle;
}

std::vector<int> best_splits(const music::Notes& notes, const std::vector<Slice>& slices) {
  constexpr int kFirst = 30;
  constexpr int kCount = 68;
  const std::vector<double> middle = local_middle(notes, slices);
  std::vector<std::vector<int>> from(slices.size(), std::vector<int>(kCount, 0));
  std::vector<double> cost(kCount, 0.0);
  for (std::size_t i = 0; i < slices.size(); ++i) {
    std::vector<double> next(kCount, std::numeric_limits<double>::infinity());
    for (int s = 0; s < kCount; ++s) {
      const double own = split_cost(notes, slices[i], s + kFirst, middle[i]);
      for (int p = 0; p < kCount; ++p) {
        double move = 0.04 * std::abs(s - p);
        if (s != p && i > 0) {
          for (std::size_t n : slices[i].active) {
            const int pitch = notes[n].pitch;
            const bool changes = (pitch >= s + kFirst) != (pitch >= p + kFirst);
            move += (n < slices[i].begin && changes) ? 4.0 : 0.0;
          }
        }
        if (cost[static_cast<std::size_t>(p)] + move + own < next[static_cast<std::size_t>(s)]) {
          next[static_cast<std::size_t>(s)] = cost[static_cast<std::size_t>(p)] + move + own;
          from[i][static_cast<std::size_t>(s)] = p;
        }
      }
    }
    cost = std::move(next);
  }
  std::vector<int> splits(slices.size());
  auto state = static_cast<int>(std::min_element(cost.begin(), cost.end()) - cost.begin());
  for (std::size_t i = slices.size(); i-- > 0;) {
    splits[i] = state + kFirst;
    state = from[i][static_cast<std::size_t>(state)];
  }
  return splits;
}

// Adds notes hand by hand, releasing held ones that are out of reach.
class Reach {
 public:
  explicit Reach(std::vector<PlayedNote>& notes) : notes_(notes) {}

  // False when the hand cannot take the note.
  bool take(const PlayedNote& played) {
    const auto hand = static_cast<std::size_t>(played.hand);
    std::vector<std::size_t>& held = held_[hand];
    const double now = played.note.onset_s;
    std::erase_if(held, [&](std::size_t i) { return notes_[i].note.offset_s <= now + 0.02; });
    const double x = white_position(played.note.pitch);
    std::vector<std::size_t> release;
    std::size_t simultaneous = 0;
    for (std::size_t i : held) {
      const bool together = now - notes_[i].note.onset_s < 0.08;
      simultaneous += together;
      if (std::abs(white_position(notes_[i].note.pitch) - x) > kWidestSpan) {
        if (together) {
          return false;
        }
        release.push_back(i);
      }
    }
    if (simultaneous >= kFingers) {
      return false;
    }
    for (std::size_t i : held) {  // oldest first
      if (held.size() - release.size() < kFingers) {
        break;
      }
      if (now - notes_[i].note.onset_s >= 0.08 &&
          std::find(release.begin(), release.end(), i) == release.end()) {
        release.push_back(i);
      }
    }
    for (std::size_t i : release) {
      notes_[i].note.offset_s = now - 0.01;
      std::erase(held, i);
    }
    held.push_back(notes_.size());
    notes_.push_back(played);
    return true;
  }

 private:
  std::vector<PlayedNote>& notes_;
  std::vector<std::size_t> held_[2];
};

}  // namespace

std::vector<PlayedNote> assign_hands(const music::Notes& notes) {
  std::vector<PlayedNote> played;
  if (notes.empty()) {
    return played;
  }
  const std::vector<Slice> slices = make_slices(notes);
  const std::vector<int> splits = best_splits(notes, slices);
  Reach reach(played);
  for (std::size_t i = 0; i < slices.size(); ++i) {
    for (std::size_t n = slices[i].begin; n < slices[i].end; ++n) {
      PlayedNote note{notes[n], notes[n].pitch < splits[i] ? kLeft : kRight, 1};
      if (!reach.take(note)) {
        note.hand = note.hand == kLeft ? kRight : kLeft;
        reach.take(note);
      }
    }
  }
  return played;
}

}  // namespace mmi::worlds::piano
