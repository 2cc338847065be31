#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/config.h"

/// Sizes of codecs.
namespace mmi::codecs {

/// How codebooks follow the vectors that they stand for (van den Oord et al., NeurIPS 2017, app.
/// A.1; Zeghidour et al., SoundStream, 2021).
struct MMI_API CodebookTraining {
  double decay = 0.99;                  ///< of the running means
  double epsilon = 1e-5;                ///< Laplace smoothing of the counts
  std::int64_t kmeans_iterations = 50;  ///< on the first batch
  double restart_below = 2;  ///< a code with a smaller running count becomes a batch vector

  static const config::Schema& schema();
};

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

/// Descript Audio Codec (Kumar et al., "High-Fidelity Audio Compression with Improved RVQGAN",
/// NeurIPS 2023). The defaults are the published 16 kHz network.
struct MMI_API DacConfig {
  std::int64_t sample_rate_hz = 16000;
  std::int64_t filters = 64;                        ///< of the encoder's first convolution
  std::int64_t decoder_filters = 1536;              ///< of the decoder's
  std::vector<std::int64_t> ratios = {2, 4, 5, 8};  ///< of the encoder
  std::int64_t codebooks = 12;
  std::int64_t codebook_size = 1024;
  std::int64_t codebook_dim = 8;
  double quantizer_dropout = 0.5;  ///< share of a batch that trains with fewer codebooks
  bool weight_norm = false;        ///< for training; else folded

  std::int64_t hop() const;

  /// D: numbers of a frame.
  std::int64_t dim() const {
    return filters << ratios.size();
  }

  /// "dac_16khz", "dac_24khz", "dac_44khz". ConfigError for another name.
  static DacConfig published(const std::string& name);

  static const config::Schema& schema();
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
