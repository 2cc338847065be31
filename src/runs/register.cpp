#include "mmi/runs/register.h"

#include <mutex>

#include "mmi/codecs/codec.h"
#include "mmi/data/manifest.h"
#include "mmi/encoders/encoder.h"
#include "mmi/heads/head.h"
#include "mmi/lm/causal_lm.h"
#include "mmi/metrics/metric.h"
#include "mmi/models/audeo/video2roll_task.h"
#include "mmi/models/codec/register.h"
#include "mmi/models/lm/register.h"
#include "mmi/models/xrir/register.h"

namespace mmi {

void register_all() {
  static std::once_flag once;
  std::call_once(once, [] {
    data::register_datasets();
    encoders::register_encoders();
    codecs::register_codecs();
    heads::register_heads();
    lm::register_lms();
    metrics::register_metrics();
    models::audeo::register_audeo();
    models::codec::register_codec();
    models::lm::register_lm();
    models::xrir::register_xrir();
  });
}

}  // namespace mmi
