#pragma once

#include <cstdint>
#include <memory>

#include "mmi/base/api.h"
#include "mmi/codecs/codec.h"
#include "mmi/codecs/config.h"
#include "mmi/codecs/quantizer.h"

namespace mmi::codecs {

class Chain;

/// Keys as in transformers' EncodecModel, weight norm folded:
/// encoder.layers.<i>…, decoder.layers.<i>…, quantizer.layers.<k>.codebook.….
class MMI_API Encodec : public TokenCodec {
 public:
  /// Throws ConfigError for sizes that do not fit together.
  explicit Encodec(const EncodecConfig& config);

  CodecFormat format() const override;
  std::unique_ptr<EncodeStream> encode_stream(std::int64_t codebooks = 0) override;
  std::unique_ptr<DecodeStream> decode_stream() override;
  torch::Tensor to_latents(const torch::Tensor& wave) override;
  torch::Tensor from_latents(const torch::Tensor& latents) override;
  torch::Tensor embed(const torch::Tensor& codes) override;
  torch::Tensor token_vectors() override;

  ResidualQuantizer& quantizer() {
    return *quantizer_;
  }

  const EncodecConfig& config() const {
    return config_;
  }

 private:
  class Encoding;
  class Decoding;

  EncodecConfig config_;
  std::shared_ptr<Chain> encoder_, decoder_;
  std::shared_ptr<ResidualQuantizer> quantizer_;
};

}  // namespace mmi::codecs
