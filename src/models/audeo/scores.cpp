#include "mmi/metrics/multipitch.h"
#include "mmi/models/audeo/performance.h"

namespace mmi::models::audeo {

void append_scores(const torch::Tensor& predicted, const torch::Tensor& truth, Metrics& metrics) {
  metrics::FrameMeter meter;
  meter.add(predicted, truth);
  const metrics::Scores scores = meter.per_frame();
  metrics.emplace_back("precision", 100 * scores.precision);
  metrics.emplace_back("recall", 100 * scores.recall);
  metrics.emplace_back("accuracy", 100 * scores.accuracy);
  metrics.emplace_back("f1", 100 * scores.f1);
}

double best_threshold(const torch::Tensor& probabilities, const torch::Tensor& truth) {
  return metrics::calibrate_threshold(probabilities, truth).threshold;
}

}  // namespace mmi::models::audeo
