#include "mmi/io/csv.h"

#include "fuzz/fuzz.h"

namespace mmi::io {
namespace {

MMI_FUZZ(csv) {
  const CsvTable table = parse_csv(fuzz::text_of(bytes), "fuzz");
  const CsvTable again = parse_csv(encode_csv(table), "written");
  MMI_ASSERT(again.header == table.header && again.rows == table.rows);
}

}  // namespace
}  // namespace mmi::io
