#include "mmi/metrics/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "mmi/base/errors.h"

namespace mmi::metrics {
namespace {

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

ItemScores differences(const ItemScores& a, const ItemScores& b) {
  MMI_CHECK(
      ShapeError,
      !a.empty() && a.size() == b.size(),
      "paired scores must have one number of items above 0, but have {} and {}",
      a.size(),
      b.size());
  ItemScores difference(a.size());
  for (std::size_t item = 0; item < a.size(); ++item) {
    MMI_CHECK(
        ShapeError,
        !a[item].empty() && a[item].size() == b[item].size(),
        "item {} must have one number of values above 0 on both sides, but has {} and {}",
        item,
        a[item].size(),
        b[item].size());
    for (std::size_t i = 0; i < a[item].size(); ++i) {
      difference[item].push_back(a[item][i] - b[item][i]);
    }
  }
  return difference;
}

// Linear interpolation between order statistics, numpy's default.
double quantile(const std::vector<double>& sorted, double q) {
  const double place = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(std::floor(place));
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - std::floor(place)) * (sorted[above] - sorted[below]);
}

std::vector<std::vector<double>> one_per_item(const std::vector<double>& values) {
  std::vector<std::vector<double>> items;
  for (const double value : values) {
    items.push_back({value});
  }
  return items;
}

}  // namespace

Interval paired_bootstrap(
    const ItemScores& a, const ItemScores& b, Rng rng, const BootstrapOptions& options) {
  MMI_CHECK(
      ConfigError,
      options.resamples > 0 && options.confidence > 0 && options.confidence < 1,
      "resamples must be > 0 and confidence in (0, 1), but are {} and {} instead",
      options.resamples,
      options.confidence);
  const ItemScores items = differences(a, b);
  const auto count = static_cast<std::int64_t>(items.size());
  Interval interval;
  for (const auto& item : items) {
    interval.mean += mean_of(item) / static_cast<double>(count);
  }
  std::vector<double> means(static_cast<std::size_t>(options.resamples));
  for (double& mean : means) {
    double total = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      const auto& item = items[static_cast<std::size_t>(rng.integer(count))];
      const auto repeats = static_cast<std::int64_t>(item.size());
      double sum = 0;
      for (std::int64_t j = 0; j < repeats; ++j) {
        sum += item[repeats == 1 ? 0 : static_cast<std::size_t>(rng.integer(repeats))];
      }
      total += sum / static_cast<double>(repeats);
    }
    mean = total / static_cast<double>(count);
  }
  std::sort(means.begin(), means.end());
  interval.low = quantile(means, (1 - options.confidence) / 2);
  interval.high = quantile(means, (1 + options.confidence) / 2);
  interval.p =
      static_cast<double>(std::upper_bound(means.begin(), means.end(), 0.0) - means.begin()) /
      static_cast<double>(means.size());
  return interval;
}

Interval paired_bootstrap(
    const std::vector<double>& a,
    const std::vector<double>& b,
    Rng rng,
    const BootstrapOptions& options) {
  return paired_bootstrap(one_per_item(a), one_per_item(b), rng, options);
}

Verdict verdict(const Interval& difference) {
  if (difference.low > 0) {
    return Verdict::kHolds;
  }
  return difference.high < 0 ? Verdict::kFails : Verdict::kUndecided;
}

std::string to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kHolds:
      return "holds";
    case Verdict::kFails:
      return "fails";
    case Verdict::kUndecided:
      return "undecided";
  }
  MMI_ASSERT(false);
}

}  // namespace mmi::metrics
