#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"
#include "mmi/codecs/codec.h"
#include "mmi/codecs/quantizer.h"

namespace mmi::codecs {

class Chain;

enum class ConvNorm {
  kNone,           ///< weights as they are; weight norm folded into them
  kWeightNorm,     ///< Salimans & Kingma 2016, as the published networks were trained
  kTimeGroupNorm,  ///< one group over channels and time (48 kHz)
};

/// EnCodec (Défossez et al., "High Fidelity Neural Audio Compression", TMLR 2023). The defaults are
/// the published 24 kHz network; names as in transformers' config.json.
struct MMI_API EncodecConfig {
  std::int64_t sample_rate_hz = 24000;
  std::int64_t channels = 1;
  std::int64_t filters = 32;
  std::int64_t dim = 128;                           ///< of a frame
  std::vector<std::int64_t> ratios = {8, 5, 4, 2};  ///< of the decoder
  std::int64_t kernel = 7;
  std::int64_t last_kernel = 7;
  std::int64_t residual_kernel = 3;
  std::int64_t residual_layers = 1;
  std::int64_t dilation_growth = 2;
  std::int64_t compress = 2;
  std::int64_t lstm_layers = 2;
  bool causal = true;
  bool reflect = true;   ///< else zeros continue a signal
  bool shortcut = true;  ///< 1x1 convolution beside each residual block
  ConvNorm norm = ConvNorm::kNone;
  std::int64_t codebooks = 32;
  std::int64_t codebook_size = 1024;
  bool normalize = false;    ///< chunks are divided by their loudness
  double chunk_s = 0;        ///< 0: a signal is one chunk
  double chunk_overlap = 0;  ///< share of a chunk
  CodebookTraining training = {};

  std::int64_t hop() const;

  /// "encodec_24khz", "encodec_48khz", "encodec_32khz" (MusicGen), "encodec_16khz" (AudioGen,
  /// VATT). ConfigError for another name.
  static EncodecConfig published(const std::string& name);

  static const config::Schema& schema();
};

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

template <>
struct mmi::config::EnumNames<mmi::codecs::ConvNorm> {
  using Norm = mmi::codecs::ConvNorm;
  static constexpr std::array<std::pair<const char*, Norm>, 3> names{{
      {"none", Norm::kNone},
      {"weight_norm", Norm::kWeightNorm},
      {"time_group_norm", Norm::kTimeGroupNorm},
  }};
};
