#pragma once

#include <string>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/rng.h"

namespace mmi::metrics {

struct BootstrapOptions {
  int resamples = 10000;
  double confidence = 0.95;
};

/// Mean difference with its percentile interval.
struct Interval {
  double mean = 0;
  double low = 0;
  double high = 0;
  double p = 1;  ///< share of the resamples whose difference is not above 0
};

/// Scores of one system: one row per item (piece), each with the values of its repeats (training
/// seeds, segments), at least one.
using ItemScores = std::vector<std::vector<double>>;

/// Paired hierarchical bootstrap of mean(a) - mean(b): items are drawn with replacement, then
/// within each drawn item its repeats; both systems use the same draws. The mean is over items of
/// the mean over repeats. a and b must have the same layout (ShapeError). A function of `rng`
/// alone.
MMI_API Interval paired_bootstrap(
    const ItemScores& a, const ItemScores& b, Rng rng, const BootstrapOptions& options = {});

/// One value per item.
MMI_API Interval paired_bootstrap(
    const std::vector<double>& a,
    const std::vector<double>& b,
    Rng rng,
    const BootstrapOptions& options = {});

enum class Verdict { kHolds, kFails, kUndecided };

/// Of the claim "a > b": holds when the whole interval is above 0, fails when it is below.
MMI_API Verdict verdict(const Interval& difference);

/// "holds", "fails", "undecided".
MMI_API std::string to_string(Verdict verdict);

}  // namespace mmi::metrics
