#pragma once

#include <vector>

#include "mmi/worlds/piano/hands.h"

namespace mmi::worlds::piano {

// A moment at which a hand begins notes: the notes it then holds, ascending by pitch, and the
// finger of each. Indices into the played notes.
struct Grip {
  double time_s = 0;
  std::vector<std::size_t> held;
  std::vector<int> fingers;  // 1..5, same order
};

// Chooses the hand of each note; drops and shortens what two hands cannot hold.
std::vector<PlayedNote> assign_hands(const music::Notes& notes);

// Chooses the fingers of one hand's notes.
std::vector<Grip> assign_fingers(const std::vector<PlayedNote>& notes, Hand hand);

}  // namespace mmi::worlds::piano
