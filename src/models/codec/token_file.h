#pragma once

#include <filesystem>

#include "mmi/base/api.h"
#include "mmi/codecs/codec.h"

namespace mmi::models::codec {

/// Tokens of one sound on disk. `.npz`: codes (T,K) int16 or int32, and where the codec has chunks
/// `chunks` and `scales`; `length` and `sample_rate_hz`. `.npy`: codes (T,K) alone, as VATT's
/// release stores them.
MMI_API void write_tokens(
    const std::filesystem::path& path, const codecs::Encoded& tokens, std::int64_t sample_rate_hz);

/// B is 1. Without `length`, codes may also be (K,T): of two axes that could be codebooks, the one
/// that is as long as all of the codec's is. DataError where that leaves both or neither, and for
/// tokens that are not of this format.
MMI_API codecs::Encoded read_tokens(
    const std::filesystem::path& path, const codecs::CodecFormat& format);

}  // namespace mmi::models::codec
