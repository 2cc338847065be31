#pragma once

#include <cstdint>

#include "mmi/base/api.h"
#include "mmi/music/note.h"

namespace mmi::worlds::piano {

/// How a score is played (specs/ch03 §8.1).
struct PerformOptions {
  double tempo_scale = 1.0;        ///< > 1 is faster
  double tempo_curve = 0.08;       ///< largest relative tempo change of the slow sinusoids
  double onset_jitter_s = 0.012;   ///< standard deviation
  double articulation_low = 0.80;  ///< held share of the written duration
  double articulation_high = 0.98;
  int velocity_low = 55;
  int velocity_high = 105;
  double ornament_probability = 0.03;  ///< per note of at least 0.3 s
};

/// Plays a score: tempo curve, onset jitter, articulation, phrase arcs of velocity, ornaments. Pure
/// function of its arguments; notes come back sorted, without overlaps on one key, and starting at
/// 0.05 s or later. Works on any notes with pitches 21..108; ornaments stay within 36..86.
MMI_API music::Notes perform(
    const music::Notes& score, std::uint64_t performance_seed, const PerformOptions& options = {});

/// Sorts by (onset, pitch) and shortens a note that would overlap the next one on its key, leaving
/// `gap_s` for the key to come up; notes that would become shorter than `shortest_s` are dropped.
MMI_API music::Notes tidy(music::Notes notes, double gap_s = 0.07, double shortest_s = 0.05);

}  // namespace mmi::worlds::piano
