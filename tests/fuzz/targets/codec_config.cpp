#include <nlohmann/json.hpp>

#include "codecs/config_json.h"
#include "fuzz/fuzz.h"
#include "mmi/io/json.h"

namespace mmi::codecs {
namespace {

MMI_FUZZ(codec_config) {
  const auto object = io::parse_json(fuzz::text_of(bytes), "fuzz");
  const Stored stored{.codebooks = 8, .codebook_size = 1024, .numbers = 1e8};
  if (codec_type(object, "fuzz") == "encodec") {
    const EncodecConfig config = encodec_from_json(object, stored, "fuzz");
    MMI_ASSERT(config.compress > 0 && !config.ratios.empty());
  } else {
    const DacConfig config = dac_from_json(object, stored, "fuzz");
    MMI_ASSERT(config.dim() > 0 && static_cast<double>(config.dim()) < stored.numbers);
  }
}

}  // namespace
}  // namespace mmi::codecs
