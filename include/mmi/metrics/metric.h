#pragma once

#include <torch/types.h>

#include <string>
#include <utility>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/registry.h"

namespace mmi::metrics {

/// The `metric` slot: scores of a roll that a task adds to its own.
class MMI_API Metric {
 public:
  static constexpr const char* kRegistryKind = "metric";

  struct BuildArgs {};

  virtual ~Metric() = default;

  /// probabilities (T,K) float in [0, 1], truth (T,K) of 0 and 1 → named scores.
  virtual std::vector<std::pair<std::string, double>> score(
      const torch::Tensor& probabilities, const torch::Tensor& truth) const = 0;
};

/// Mean over the keys that sound of the area under their precision-recall steps: equals
/// scikit-learn's average_precision_score. Needs no threshold. 0 when nothing sounds. ShapeError
/// unless both are (T,K).
MMI_API double average_precision(const torch::Tensor& probabilities, const torch::Tensor& truth);

/// Fills the metric registry.
MMI_API void register_metrics();

}  // namespace mmi::metrics

/// A list of metrics is a slot too.
template <>
struct mmi::config::IsComponent<std::vector<mmi::config::Component<mmi::metrics::Metric>>>
    : mmi::config::IsComponent<mmi::config::Component<mmi::metrics::Metric>> {};

MMI_DECLARE_REGISTRY(mmi::metrics::Metric);
