#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/task/tool.h"
#include "models/xrir/rooms_grid.h"

/// `mmi xrir map`: what a trained network makes of a room that it never heard (specs/ch08 §9).
namespace mmi::models::xrir {

struct AcousticMapConfig {
  std::int64_t room = 0;
  std::int64_t receiver = 1;
  std::int64_t references = 8;
  MapMeasure measure = MapMeasure::kC50;
  double step = 0.5;
  double height = 1.2;
  std::int64_t diff_rir = 300;

  static const config::Schema& schema();
};

MMI_API std::shared_ptr<Tool> make_acoustic_map(const AcousticMapConfig& config);

/// Rank correlation by Spearman, equal values sharing the mean of their ranks; NaN for fewer than
/// two pairs or where one side is constant.
MMI_API double rank_correlation(const std::vector<double>& a, const std::vector<double>& b);

void register_acoustic_map();

}  // namespace mmi::models::xrir
