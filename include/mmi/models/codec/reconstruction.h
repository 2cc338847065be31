#pragma once

#include <torch/types.h>

#include <cstdint>

#include "mmi/base/api.h"
#include "mmi/codecs/codec.h"

namespace mmi::models::codec {

/// What a codec makes of sounds in training.
struct Reconstruction {
  torch::Tensor wave;     ///< (B,1,L), with gradients
  torch::Tensor codes;    ///< (B,k,T) int64
  torch::Tensor penalty;  ///< scalar: how far encoder and codebooks are from each other
};

/// Through encoder, quantiser and decoder of an Encodec or a Dac; codebooks learn where the codec
/// is in training mode. With the first `levels` codebooks, or all; a Dac draws them by itself. The
/// penalty is EnCodec's commitment, or 0.25 of DAC's commitment and its codebook loss. ConfigError
/// for another codec, and for one of several channels or of chunks.
MMI_API Reconstruction
reconstruct(codecs::TokenCodec& codec, const torch::Tensor& wave, std::int64_t levels = 0);

}  // namespace mmi::models::codec
