#include "fuzz/fuzz.h"
#include "mmi/text/tokenizer.h"

namespace mmi::text {
namespace {

MMI_FUZZ(sentence_piece) {
  const auto tokenizer = parse_sentence_piece(bytes, "fuzz");
  const auto ids = tokenizer->encode("A d\u00f3g's  \u6771\u4eac 42!\n\U0001F600 \u00bd");
  tokenizer->decode(ids);
}

}  // namespace
}  // namespace mmi::text
