#include "mmi/metrics/metric.h"

#include <algorithm>
#include <cstdint>
#include <numeric>

#include "mmi/base/errors.h"

MMI_DEFINE_REGISTRY(mmi::metrics::Metric)

namespace mmi::metrics {
namespace {

struct AveragePrecisionConfig {
  static const config::Schema& schema() {
    static const config::Schema made =
        config::Table<AveragePrecisionConfig>("average_precision", "area under precision-recall");
    return made;
  }
};

class AveragePrecision : public Metric {
 public:
  std::vector<std::pair<std::string, double>> score(
      const torch::Tensor& probabilities, const torch::Tensor& truth) const override {
    return {{"average_precision", 100 * average_precision(probabilities, truth)}};
  }
};

}  // namespace

double average_precision(const torch::Tensor& probabilities, const torch::Tensor& truth) {
  MMI_CHECK(
      ShapeError,
      probabilities.dim() == 2 && probabilities.sizes() == truth.sizes(),
      "probabilities and truth must both be (T,K), but are {} and {}",
      probabilities.sizes().vec(),
      truth.sizes().vec());
  const torch::Tensor scores = probabilities.to(torch::kFloat32).t().contiguous();
  const torch::Tensor sounds = (truth > 0).t().contiguous();
  const std::int64_t frames = scores.size(1);
  std::vector<std::int64_t> order(static_cast<std::size_t>(frames));
  double sum = 0;
  int keys = 0;
  for (std::int64_t key = 0; key < scores.size(0); ++key) {
    const float* p = scores.const_data_ptr<float>() + key * frames;
    const bool* y = sounds.const_data_ptr<bool>() + key * frames;
    const auto positives = std::count(y, y + frames, true);
    if (positives == 0) {
      continue;
    }
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](auto a, auto b) { return p[a] > p[b]; });
    double area = 0;
    std::int64_t hits = 0;
    std::int64_t hits_before = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
      hits += y[order[i]] ? 1 : 0;
      // Equal probabilities are one step.
      if (i + 1 == order.size() || p[order[i + 1]] < p[order[i]]) {
        area += static_cast<double>(hits - hits_before) * static_cast<double>(hits) /
                static_cast<double>(i + 1);
        hits_before = hits;
      }
    }
    sum += area / static_cast<double>(positives);
    ++keys;
  }
  return keys == 0 ? 0 : sum / keys;
}

void register_metrics() {
  Registry<Metric>::get().add<AveragePrecisionConfig>(
      "average_precision",
      "mean area under the precision-recall curve of the keys, in percent",
      [](const auto&, const auto&) { return std::make_shared<AveragePrecision>(); });
}

}  // namespace mmi::metrics
