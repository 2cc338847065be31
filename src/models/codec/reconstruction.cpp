#include "mmi/models/codec/reconstruction.h"

#include <torch/torch.h>

#include "mmi/base/errors.h"
#include "mmi/codecs/dac.h"
#include "mmi/codecs/encodec.h"

namespace mmi::models::codec {
namespace {

constexpr double kDacCommitment = 0.25;

}  // namespace

Reconstruction reconstruct(
    codecs::TokenCodec& codec, const torch::Tensor& wave, std::int64_t levels) {
  const codecs::CodecFormat format = codec.format();
  const std::int64_t length = wave.size(2);
  const std::int64_t missing = (format.hop - length % format.hop) % format.hop;
  const auto whole = missing > 0 ? at::constant_pad_nd(wave, {0, missing}) : wave;
  Reconstruction made;
  torch::Tensor latents;
  if (auto* encodec = dynamic_cast<codecs::Encodec*>(&codec)) {
    MMI_CHECK(
        ConfigError,
        format.channels == 1 && encodec->config().chunk_s == 0,
        "codecs of one channel and without chunks can be trained; this one has {} channels and "
        "chunks of {} s",
        format.channels,
        encodec->config().chunk_s);
    const codecs::Quantized quantized =
        encodec->quantizer().forward(codec.to_latents(whole), levels);
    latents = quantized.values;
    made.codes = quantized.codes;
    made.penalty = quantized.commitment;
  } else if (auto* dac = dynamic_cast<codecs::Dac*>(&codec)) {
    const codecs::DacQuantized quantized = dac->quantizer().forward(codec.to_latents(whole));
    latents = quantized.values;
    made.codes = quantized.codes;
    made.penalty = kDacCommitment * quantized.commitment + quantized.codebook;
  } else {
    throw ConfigError("only EnCodec and DAC can be trained, not this codec");
  }
  const auto decoded = codec.from_latents(latents);
  // Odd strides lose samples at the end.
  const std::int64_t lost = length - decoded.size(2);
  made.wave = lost > 0 ? at::constant_pad_nd(decoded, {0, lost}) : decoded.slice(2, 0, length);
  return made;
}

}  // namespace mmi::models::codec
