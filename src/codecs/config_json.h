#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "mmi/base/api.h"
#include "mmi/codecs/config.h"

namespace mmi::codecs {

/// What weights say of a codec, where published configurations are silent or disagree.
struct Stored {
  std::int64_t codebooks = 1;
  std::int64_t codebook_size = 2;
  bool shortcut = true;
  double numbers = 0;  ///< in all weights together
};

/// "encodec" or "dac": the model_type of transformers' config.json. CheckpointError, which begins
/// with `source`, for others.
MMI_API std::string codec_type(const nlohmann::json& object, const std::string& source);

/// CheckpointError for values of another type, for sizes beyond any codec and for those that need
/// more weights than are stored: nobody should ask for their memory first.
MMI_API EncodecConfig
encodec_from_json(const nlohmann::json& object, const Stored& stored, const std::string& source);

MMI_API DacConfig
dac_from_json(const nlohmann::json& object, const Stored& stored, const std::string& source);

}  // namespace mmi::codecs
