#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/music/note.h"

/// Who plays what, and where the hands are (specs/ch03 §8.3). Positions in canvas units.
namespace mmi::worlds::piano {

enum Hand : int { kLeft = 0, kRight = 1 };

/// A note with the hand and finger (1 thumb .. 5 little finger) that begins it.
struct PlayedNote {
  music::Note note;
  Hand hand = kRight;
  int finger = 1;
};

struct Point {
  double x = 0;
  double y = 0;
};

/// One finger: knuckle, middle joint, tip; `pressed` in [0, 1] tells whether it holds a key.
struct FingerPose {
  Point knuckle;
  Point joint;
  Point tip;
  double pressed = 0;
};

struct HandPose {
  std::array<FingerPose, 5> fingers;
  Point palm;  ///< middle of the knuckle line
  Point wrist;
};

/// Assigns hands by a dynamic program over the split point, shortens or drops what two hands cannot
/// hold, assigns fingers by a dynamic program (span, stretch, movement, thumb on black keys), and
/// moves wrists and finger tips along minimum-jerk paths. Immutable after construction, so it can
/// be shared between threads.
class MMI_API HandsPlan {
 public:
  /// `notes` sorted by (onset, pitch), pitches 21..108. `seed` decides finger placement and idle
  /// motion.
  HandsPlan(const music::Notes& notes, std::uint64_t seed);

  /// The notes as played: same order, offsets possibly earlier, unplayable notes removed.
  const std::vector<PlayedNote>& notes() const {
    return notes_;
  }

  HandPose pose(Hand hand, double time_s) const;

 private:
  struct Stop {  // the palm has arrived here at time_s
    double time_s = 0;
    double release_s = 0;  // the first of its notes ends
    Point palm;
  };

  struct Lean {  // the hand slides towards the fallboard and back
    double begin_s = 0;
    double end_s = 0;
    double depth = 0;
  };

  struct Pin {  // a finger holds a key
    double begin_s = 0;
    double end_s = 0;
    Point tip;
  };

  struct Motion {
    std::vector<Stop> stops;
    std::array<std::vector<Pin>, 5> pins;
    std::vector<Lean> leans;
    std::array<double, 8> wobble{};
  };

  void finger_hand(Hand hand, std::uint64_t seed);
  void add_leans(Hand hand, std::uint64_t seed);
  Point palm_at(const Motion& motion, double time_s) const;
  static void place_tip(
      const std::vector<Pin>& pins, Point rest, double lean, double time_s, FingerPose& finger);
  double lean_at(const Motion& motion, double time_s) const;

  std::vector<PlayedNote> notes_;
  std::array<Motion, 2> motion_;
};

/// Natural tip of a finger (1..5) relative to the palm point, for either hand.
MMI_API Point rest_offset(Hand hand, int finger);

}  // namespace mmi::worlds::piano
