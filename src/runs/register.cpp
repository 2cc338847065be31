#include "mmi/runs/register.h"

#include <mutex>

#include "mmi/encoders/encoder.h"
#include "mmi/models/audeo/video2roll_task.h"
#include "mmi/heads/head.h"
#include "mmi/metrics/metric.h"

namespace mmi {

void register_all() {
  static std::once_flag once;
  std::call_once(once, [] {
    encoders::register_encoders();
    models::audeo::register_audeo();
  });
    heads::register_heads();
    metrics::register_metrics();
}

}  // namespace mmi
