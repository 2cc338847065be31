#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "mmi/base/api.h"
#include "mmi/base/rng.h"
#include "mmi/tensor/tensor_dict.h"

namespace mmi::data {

/// A finite set of examples. `get` is called from several threads at once and must be safe for
/// that; what is random about an example comes from `rng` alone, a stream of (seed, epoch, index),
/// so that any number of workers gives the same batches.
class MMI_API Dataset {
 public:
  virtual ~Dataset() = default;

  virtual std::int64_t size() const = 0;

  /// The example at `index` in [0, size()).
  virtual TensorDict get(std::int64_t index, Rng& rng) const = 0;

  /// Identifies the content (world version and seeds, or files); part of the run id.
  virtual std::string fingerprint() const = 0;
};

}  // namespace mmi::data
