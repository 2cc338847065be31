#pragma once

#include <cstdint>
#include <vector>

#include "mmi/io/midi.h"

namespace mmi::io {

/// Ticks <-> seconds of one file by binary search. Elapsed time is kept as an exact integer
/// (microseconds x ticks per quarter), so each conversion rounds once.
class TempoMap {
 public:
  explicit TempoMap(const MidiFile& midi);

  double seconds(std::int64_t tick) const;
  std::int64_t tick(double time_s) const;

 private:
  struct Stretch {
    std::int64_t begin = 0;
    int tempo = 500'000;
    __int128 elapsed = 0;
  };

  double smpte_ticks_per_second_;
  double scale_;
  std::vector<Stretch> stretches_;
};

}  // namespace mmi::io
