#include "mmi/io/npy.h"

#include "fuzz/fuzz.h"

namespace mmi::io {
namespace {

MMI_FUZZ(npz) {
  NpyLimits limits;
  limits.max_bytes = 64ULL << 20;
  parse_npz(bytes, "fuzz", limits);
}

}  // namespace
}  // namespace mmi::io
