#include "mmi/metrics/multipitch.h"

#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "mmi/base/errors.h"

namespace mmi::metrics {
namespace {

double ratio(std::int64_t above, std::int64_t below, double otherwise) {
  return below == 0 ? otherwise : static_cast<double>(above) / static_cast<double>(below);
}

Scores scores_of(std::int64_t hits, std::int64_t predicted, std::int64_t truth, double otherwise) {
  Scores scores;
  scores.precision = ratio(hits, predicted, otherwise);
  scores.recall = ratio(hits, truth, otherwise);
  scores.accuracy = ratio(hits, predicted + truth - hits, otherwise);
  scores.f1 = ratio(2 * hits, predicted + truth, otherwise);
  return scores;
}

std::int64_t sum(const std::vector<std::int64_t>& values) {
  return std::accumulate(values.begin(), values.end(), std::int64_t{0});
}

void add_to(std::vector<std::int64_t>& totals, const std::vector<std::int64_t>& values) {
  for (std::size_t i = 0; i < totals.size(); ++i) {
    totals[i] += values[i];
  }
}

}  // namespace

void FrameMeter::add(const torch::Tensor& predicted, const torch::Tensor& truth) {
  MMI_CHECK(
      ShapeError,
      predicted.dim() == 2 && predicted.sizes() == truth.sizes(),
      "rolls must be (F, K) and of one shape, but are {} and {} instead",
      predicted.sizes().vec(),
      truth.sizes().vec());
  const auto keys = static_cast<std::size_t>(predicted.size(1));
  if (hits_.empty()) {
    hits_.resize(keys);
    predicted_.resize(keys);
    truth_.resize(keys);
  }
  MMI_CHECK(
      ShapeError,
      hits_.size() == keys,
      "rolls added to one meter must have one number of keys, but have {} and {}",
      hits_.size(),
      keys);
  const torch::Tensor p = predicted.gt(0).to(torch::kCPU).contiguous();
  const torch::Tensor t = truth.gt(0).to(torch::kCPU).contiguous();
  const bool* p_cell = p.const_data_ptr<bool>();
  const bool* t_cell = t.const_data_ptr<bool>();
  for (std::int64_t frame = 0; frame < p.size(0); ++frame) {
    std::int64_t hits = 0;
    std::int64_t n_predicted = 0;
    std::int64_t n_truth = 0;
    for (std::size_t key = 0; key < keys; ++key, ++p_cell, ++t_cell) {
      const bool both = *p_cell && *t_cell;
      hits += both;
      n_predicted += *p_cell;
      n_truth += *t_cell;
      hits_[key] += both;
      predicted_[key] += *p_cell;
      truth_[key] += *t_cell;
    }
    const Scores one = scores_of(hits, n_predicted, n_truth, 1);
    sums_.precision += one.precision;
    sums_.recall += one.recall;
    sums_.accuracy += one.accuracy;
    sums_.f1 += one.f1;
    predicted_empty_ += n_predicted == 0;
    truth_empty_ += n_truth == 0;
  }
  frames_ += p.size(0);
}

void FrameMeter::merge(const FrameMeter& other) {
  if (other.hits_.empty()) {
    return;
  }
  if (hits_.empty()) {
    *this = other;
    return;
  }
  MMI_CHECK(
      ShapeError,
      hits_.size() == other.hits_.size(),
      "only meters of one number of keys can be merged, but these have {} and {}",
      hits_.size(),
      other.hits_.size());
  frames_ += other.frames_;
  truth_empty_ += other.truth_empty_;
  predicted_empty_ += other.predicted_empty_;
  sums_.precision += other.sums_.precision;
  sums_.recall += other.sums_.recall;
  sums_.accuracy += other.sums_.accuracy;
  sums_.f1 += other.sums_.f1;
  add_to(hits_, other.hits_);
  add_to(predicted_, other.predicted_);
  add_to(truth_, other.truth_);
}

Scores FrameMeter::per_frame() const {
  if (frames_ == 0) {
    return {};
  }
  const auto n = static_cast<double>(frames_);
  return {sums_.precision / n, sums_.recall / n, sums_.accuracy / n, sums_.f1 / n};
}

Scores FrameMeter::micro() const {
  return scores_of(sum(hits_), sum(predicted_), sum(truth_), 0);
}

std::vector<double> FrameMeter::key_f1() const {
  std::vector<double> scores(hits_.size());
  for (std::size_t key = 0; key < scores.size(); ++key) {
    scores[key] = ratio(
        2 * hits_[key], predicted_[key] + truth_[key], std::numeric_limits<double>::quiet_NaN());
  }
  return scores;
}

double FrameMeter::macro_f1() const {
  double total = 0;
  std::int64_t keys = 0;
  for (const double f1 : key_f1()) {
    if (!std::isnan(f1)) {
      total += f1;
      ++keys;
    }
  }
  return keys == 0 ? 0 : total / static_cast<double>(keys);
}

double FrameMeter::truth_empty_share() const {
  return ratio(truth_empty_, frames_, 0);
}

double FrameMeter::predicted_empty_share() const {
  return ratio(predicted_empty_, frames_, 0);
}

ThresholdCalibration calibrate_threshold(
    const torch::Tensor& probabilities,
    const torch::Tensor& truth,
    std::vector<double> grid,
    Averaging averaging) {
  if (grid.empty()) {
    for (int i = 1; i < 20; ++i) {
      grid.push_back(i / 20.0);
    }
  }
  ThresholdCalibration result;
  result.f1 = -1;
  for (const double threshold : grid) {
    FrameMeter meter;
    meter.add(probabilities.ge(threshold), truth);
    const double f1 = (averaging == Averaging::kPerFrame ? meter.per_frame() : meter.micro()).f1;
    result.curve.push_back(f1);
    if (f1 > result.f1) {
      result.f1 = f1;
      result.threshold = threshold;
    }
  }
  result.grid = std::move(grid);
  return result;
}

}  // namespace mmi::metrics
