#include "mmi/base/errors.h"
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

std::vector<std::shared_ptr<metrics::Metric>> build_metrics(const MetricSlots& slots) {
  std::vector<std::shared_ptr<metrics::Metric>> list;
  for (const auto& slot : slots) {
    list.push_back(Registry<metrics::Metric>::get().create(slot, {}));
  }
  return list;
}

void append_metrics(
    const std::vector<std::shared_ptr<metrics::Metric>>& list,
    const torch::Tensor& probabilities,
    const torch::Tensor& truth,
    Metrics& metrics) {
  for (const auto& metric : list) {
    for (const auto& [name, value] : metric->score(probabilities, truth)) {
      for (const auto& [taken, other] : metrics) {
        MMI_CHECK(
            ConfigError,
            name != taken,
            "two scores are called \"{}\"; give the metric that adds it another name",
            name);
      }
      metrics.emplace_back(name, value);
    }
  }
}

double best_threshold(const torch::Tensor& probabilities, const torch::Tensor& truth) {
  return metrics::calibrate_threshold(probabilities, truth).threshold;
}

}  // namespace mmi::models::audeo
