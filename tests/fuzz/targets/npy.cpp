#include "mmi/io/npy.h"

#include "fuzz/fuzz.h"

namespace mmi::io {
namespace {

MMI_FUZZ(npy) {
  const Array array = parse_npy(bytes, "fuzz");
  MMI_ASSERT(parse_npy(encode_npy(array), "written") == array);
}

}  // namespace
}  // namespace mmi::io
