#include "mmi/io/obj.h"

#include "fuzz/fuzz.h"

namespace mmi::io {
namespace {

MMI_FUZZ(obj) {
  const ObjMesh mesh = parse_obj(fuzz::text_of(bytes), "fuzz", {.max_bytes = 1 << 20});
  // What we wrote reads back to the last bit.
  MMI_ASSERT(parse_obj(encode_obj(mesh), "written") == mesh);
}

}  // namespace
}  // namespace mmi::io
