#include "mmi/metrics/metric.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "mmi/base/errors.h"

namespace mmi::metrics {
namespace {

// scikit-learn 1.9.1, average_precision_score per column with a positive: 0.7555556, 0.7,
// 0.8333333.
TEST(Metric, AveragePrecisionIsScikitLearns) {
  const torch::Tensor p = torch::tensor(
      {{.9, .2, .5, .1}, {.8, .2, .5, .2}, {.8, .7, .1, .3}, {.3, .6, .5, .4}, {.1, .1, .9, .5}});
  const torch::Tensor t =
      torch::tensor({{1, 0, 0, 0}, {0, 0, 1, 0}, {1, 1, 0, 0}, {0, 0, 1, 0}, {1, 1, 1, 0}});
  EXPECT_NEAR(average_precision(p, t), 0.762962962962963, 1e-12);
  EXPECT_NEAR(average_precision(p.slice(1, 0, 1), t.slice(1, 0, 1)), 0.7555555555555555, 1e-12);
  EXPECT_EQ(average_precision(p.slice(1, 3), t.slice(1, 3)), 0);
  EXPECT_THROW(average_precision(p, t.slice(1, 1)), ShapeError);
}

}  // namespace
}  // namespace mmi::metrics
