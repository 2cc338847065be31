#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/codecs/codec.h"
#include "mmi/codecs/config.h"

namespace mmi::codecs {

class Chain;

/// What quantising a batch in training gives.
struct DacQuantized {
  torch::Tensor values;      ///< (B,D,T)
  torch::Tensor codes;       ///< (B,K,T) int64
  torch::Tensor commitment;  ///< encoder towards codebook, summed over levels
  torch::Tensor codebook;    ///< codebook towards encoder, summed over levels
};

/// Residual quantiser with low-dimensional, normalised lookups (Kumar et al. 2023, §3.2). Keys
/// quantizers.<k>.{in_proj,out_proj,codebook}.
class MMI_API DacQuantizer : public torch::nn::Module {
 public:
  explicit DacQuantizer(const DacConfig& config);

  /// (B,D,T) → (B,K,T) with the first `levels`, or all.
  torch::Tensor encode(const torch::Tensor& values, std::int64_t levels = 0) const;

  /// (B,K,T) → (B,D,T).
  torch::Tensor decode(const torch::Tensor& codes) const;

  /// In training mode a share of the batch uses 1 to K levels, drawn from torch's generator.
  DacQuantized forward(const torch::Tensor& values);

  /// (K,V,D): codebook rows through out_proj.
  torch::Tensor vectors() const;

 private:
  class Level;
  DacConfig config_;
  std::vector<std::shared_ptr<Level>> levels_;
};

/// Keys as in transformers' DacModel: encoder.conv1, encoder.block.<i>.res_unit1.snake1.alpha ….
/// A frame more or less at the end of strides that are odd is cut or filled with silence, so that
/// decoding gives the length that was encoded.
class MMI_API Dac : public TokenCodec {
 public:
  explicit Dac(const DacConfig& config);

  CodecFormat format() const override;
  std::unique_ptr<EncodeStream> encode_stream(std::int64_t codebooks = 0) override;
  std::unique_ptr<DecodeStream> decode_stream() override;
  torch::Tensor to_latents(const torch::Tensor& wave) override;
  torch::Tensor from_latents(const torch::Tensor& latents) override;
  torch::Tensor embed(const torch::Tensor& codes) override;
  torch::Tensor token_vectors() override;

  DacQuantizer& quantizer() {
    return *quantizer_;
  }

  const DacConfig& config() const {
    return config_;
  }

 private:
  class Encoding;
  class Decoding;

  DacConfig config_;
  std::shared_ptr<Chain> encoder_, decoder_;
  std::shared_ptr<DacQuantizer> quantizer_;
};

}  // namespace mmi::codecs
