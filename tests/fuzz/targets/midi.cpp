#include "mmi/io/midi.h"

#include "fuzz/fuzz.h"

namespace mmi::io {
namespace {

MMI_FUZZ(midi) {
  const MidiFile midi = parse_midi(bytes, "fuzz");
  // What we wrote reads back to what we would write again.
  const auto once = encode_midi(midi);
  MMI_ASSERT(encode_midi(parse_midi(once, "written")) == once);
}

}  // namespace
}  // namespace mmi::io
