#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "mmi/base/api.h"

namespace mmi {

/// One-line progress bar on stderr with elapsed time and ETA. On a terminal the line is redrawn in
/// place; elsewhere a plain line appears at most every 10 s. Silent when set_enabled(false).
///   Progress bar("rendering", 12); for (…) { …; bar.advance(); }
class MMI_API Progress {
 public:
  Progress(std::string label, std::int64_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Moves to `done`; `note` is shown behind the bar ("loss 0.12").
  void update(std::int64_t done, const std::string& note = "");

  void advance(std::int64_t by = 1) {
    update(done_ + by);
  }

  /// For the whole process; the command line turns bars on, a library user decides.
  static void set_enabled(bool enabled);

 private:
  void draw(bool last);

  std::string label_;
  std::string note_;
  std::int64_t total_;
  std::int64_t done_ = 0;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point drawn_;
  bool terminal_;
  bool shown_ = false;
};

/// "1 h 02 min", "3 min 20 s", "4.2 s".
MMI_API std::string duration_text(double seconds);

}  // namespace mmi
