#include "mmi/text/tokenizer.h"

#include "fuzz/fuzz.h"

namespace mmi::text {
namespace {

MMI_FUZZ(tokenizer) {
  const auto tokenizer = parse_tokenizer_json(fuzz::text_of(bytes), "fuzz");
  // Any ids decode, and what comes out is text that can be encoded.
  const auto ids = tokenizer->encode("A d\u00f3g's <s>  \u6771\u4eac 42!\n\U0001F600</w>");
  tokenizer->encode(tokenizer->decode(ids, false));
}

}  // namespace
}  // namespace mmi::text
