#pragma once

#include <cmath>
#include <cstddef>
#include <deque>

namespace mmi::train {

/// Warns of outliers: the z-score of a value over the last 128 before it.
class SpikeDetector {
 public:
  /// 0 until there are enough values to judge by.
  double score(double value) {
    double z = 0;
    if (values_.size() == kWindow) {
      double mean = 0;
      double square = 0;
      for (const double v : values_) {
        mean += v / kWindow;
      }
      for (const double v : values_) {
        square += (v - mean) * (v - mean) / kWindow;
      }
      z = square > 0 ? (value - mean) / std::sqrt(square) : 0;
      values_.pop_front();
    }
    values_.push_back(value);
    return z;
  }

 private:
  static constexpr std::size_t kWindow = 128;
  std::deque<double> values_;
};

}  // namespace mmi::train
