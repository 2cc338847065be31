#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/music/note.h"

namespace mmi::metrics {

/// When a predicted note counts as a true one: equal pitch, onsets within `onset_s`, and, if
/// `offsets`, offsets within max(offset_ratio * true duration, offset_min_s). Limits are inclusive,
/// differences rounded to 0.1 ms first, as in mir_eval.
struct NoteTolerance {
  double onset_s = 0.05;
  bool offsets = false;
  double offset_ratio = 0.2;
  double offset_min_s = 0.05;
};

struct NoteScores {
  double precision = 0;
  double recall = 0;
  double f1 = 0;
  std::int64_t matched = 0;
  std::int64_t predicted = 0;
  std::int64_t truth = 0;
};

/// Pairs (predicted index, true index) of a largest one-to-one matching.
MMI_API std::vector<std::pair<std::size_t, std::size_t>> match_notes(
    const music::Notes& predicted, const music::Notes& truth, const NoteTolerance& tolerance = {});

/// Note-level scores (MIREX note tracking); equal mir_eval.transcription's. Zero when either list
/// is empty. Times of one piece: sum `matched`, `predicted` and `truth` to pool pieces.
MMI_API NoteScores note_scores(
    const music::Notes& predicted, const music::Notes& truth, const NoteTolerance& tolerance = {});

/// Scores of pooled counts.
MMI_API NoteScores pooled(const std::vector<NoteScores>& pieces);

}  // namespace mmi::metrics
