#include "mmi/metrics/notes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace mmi::metrics {
namespace {

constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

double rounded_distance(double a, double b) {
  return std::nearbyint(std::abs(a - b) * 1e4) / 1e4;
}

bool fits(const music::Note& predicted, const music::Note& truth, const NoteTolerance& tolerance) {
  if (rounded_distance(predicted.onset_s, truth.onset_s) > tolerance.onset_s) {
    return false;
  }
  if (!tolerance.offsets) {
    return true;
  }
  const double limit =
      std::max(tolerance.offset_ratio * (truth.offset_s - truth.onset_s), tolerance.offset_min_s);
  return rounded_distance(predicted.offset_s, truth.offset_s) <= limit;
}

// Largest matching of a bipartite graph by augmenting paths (Kuhn). Notes of one pitch only meet
// within the onset tolerance, so paths are short.
class Matching {
 public:
  Matching(std::vector<std::vector<std::size_t>> edges, std::size_t right)
      : edges_(std::move(edges)), left_of_(right, kNone), seen_(right) {
    for (std::size_t left = 0; left < edges_.size(); ++left) {
      std::fill(seen_.begin(), seen_.end(), false);
      augment(left);
    }
  }

  /// Left partner of each right node, or kNone.
  const std::vector<std::size_t>& left_of() const {
    return left_of_;
  }

 private:
  bool augment(std::size_t left) {
    for (const std::size_t right : edges_[left]) {
      if (seen_[right]) {
        continue;
      }
      seen_[right] = true;
      if (left_of_[right] == kNone || augment(left_of_[right])) {
        left_of_[right] = left;
        return true;
      }
    }
    return false;
  }

  std::vector<std::vector<std::size_t>> edges_;
  std::vector<std::size_t> left_of_;
  std::vector<bool> seen_;
};

std::array<std::vector<std::size_t>, 128> by_pitch(const music::Notes& notes) {
  std::array<std::vector<std::size_t>, 128> indices;
  for (std::size_t i = 0; i < notes.size(); ++i) {
    indices[static_cast<std::size_t>(std::clamp(notes[i].pitch, 0, 127))].push_back(i);
  }
  return indices;
}

NoteScores scores_of(std::int64_t matched, std::int64_t predicted, std::int64_t truth) {
  NoteScores scores;
  scores.matched = matched;
  scores.predicted = predicted;
  scores.truth = truth;
  if (predicted > 0 && truth > 0) {
    scores.precision = static_cast<double>(matched) / static_cast<double>(predicted);
    scores.recall = static_cast<double>(matched) / static_cast<double>(truth);
    scores.f1 = 2.0 * static_cast<double>(matched) / static_cast<double>(predicted + truth);
  }
  return scores;
}

}  // namespace

std::vector<std::pair<std::size_t, std::size_t>> match_notes(
    const music::Notes& predicted, const music::Notes& truth, const NoteTolerance& tolerance) {
  const auto p_by_pitch = by_pitch(predicted);
  const auto t_by_pitch = by_pitch(truth);
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  for (std::size_t pitch = 0; pitch < p_by_pitch.size(); ++pitch) {
    const auto& left = p_by_pitch[pitch];
    const auto& right = t_by_pitch[pitch];
    std::vector<std::vector<std::size_t>> edges(left.size());
    for (std::size_t i = 0; i < left.size(); ++i) {
      for (std::size_t j = 0; j < right.size(); ++j) {
        if (fits(predicted[left[i]], truth[right[j]], tolerance)) {
          edges[i].push_back(j);
        }
      }
    }
    const Matching matching(std::move(edges), right.size());
    for (std::size_t j = 0; j < right.size(); ++j) {
      if (matching.left_of()[j] != kNone) {
        pairs.emplace_back(left[matching.left_of()[j]], right[j]);
      }
    }
  }
  return pairs;
}

NoteScores note_scores(
    const music::Notes& predicted, const music::Notes& truth, const NoteTolerance& tolerance) {
  return scores_of(
      static_cast<std::int64_t>(match_notes(predicted, truth, tolerance).size()),
      static_cast<std::int64_t>(predicted.size()),
      static_cast<std::int64_t>(truth.size()));
}

NoteScores pooled(const std::vector<NoteScores>& pieces) {
  std::int64_t matched = 0;
  std::int64_t predicted = 0;
  std::int64_t truth = 0;
  for (const NoteScores& piece : pieces) {
    matched += piece.matched;
    predicted += piece.predicted;
    truth += piece.truth;
  }
  return scores_of(matched, predicted, truth);
}

}  // namespace mmi::metrics
