#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "mmi/base/api.h"
#include "mmi/base/registry.h"

namespace mmi::codecs {

/// What a codec makes of sound.
struct MMI_API CodecFormat {
  std::int64_t sample_rate_hz = 24000;
  std::int64_t channels = 1;
  std::int64_t hop = 320;             ///< samples of a frame
  std::int64_t codebooks = 8;         ///< K
  std::int64_t codebook_size = 1024;  ///< V

  double frame_rate_hz() const {
    return static_cast<double>(sample_rate_hz) / static_cast<double>(hop);
  }

  /// kbit/s of `count` codebooks; 0: all.
  double kbps(std::int64_t count = 0) const;

  /// Codebooks that fit into `kbps`, at least 1 (encodec: RVQ.get_num_quantizers_for_bandwidth).
  std::int64_t codebooks_at(double kbps) const;
};

/// Sound as tokens.
struct Encoded {
  torch::Tensor codes;        ///< (B,K,T) int64 in [0, V)
  torch::Tensor scales = {};  ///< (B,chunks) float32 loudness of chunks, where a codec takes it out
  std::vector<std::int64_t> chunks = {};  ///< frames of each chunk, where a codec works in chunks
  std::int64_t length = 0;                ///< samples of the waveform
};

/// Waveform → tokens, piece by piece in bounded memory; all pieces together are what the whole
/// gives.
class MMI_API EncodeStream {
 public:
  virtual ~EncodeStream() = default;

  /// (B,C,n) float → the frames that are complete by now, of any number; `length` is n.
  virtual Encoded push(const torch::Tensor& wave, bool last) = 0;
};

class MMI_API DecodeStream {
 public:
  virtual ~DecodeStream() = default;

  /// Frames (whole chunks, where the codec works in chunks) → (B,C,m) float; after the last piece
  /// at least as many samples have come out as were encoded. Errors as in `TokenCodec::decode`.
  virtual torch::Tensor push(const Encoded& piece, bool last) = 0;
};

/// The `codec` slot: waveforms (B,C,L) float32 in [-1, 1] ↔ codes (B,K,T) int64, T = ceil(L / hop).
class MMI_API TokenCodec : public torch::nn::Module {
 public:
  static constexpr const char* kRegistryKind = "codec";

  struct BuildArgs {};

  virtual CodecFormat format() const = 0;

  virtual std::unique_ptr<EncodeStream> encode_stream(std::int64_t codebooks = 0) = 0;
  virtual std::unique_ptr<DecodeStream> decode_stream() = 0;

  /// With the first `codebooks` of the quantiser, or all. ShapeError for a wave of another shape.
  Encoded encode(const torch::Tensor& wave, std::int64_t codebooks = 0);

  /// (B,C,length), or all samples where the length is 0. ShapeError for codes that are not
  /// (B, 1 to K, T) int64, DataError for one outside of [0, V).
  torch::Tensor decode(const Encoded& encoded);

  /// Before quantisation, with gradients: (B,C,L) → (B,D,T); of a single chunk, where a codec works
  /// in chunks, and of a whole number of frames for DAC.
  virtual torch::Tensor to_latents(const torch::Tensor& wave) = 0;

  /// (B,D,T) → (B,C,T hop), with gradients; odd strides of DAC lose some samples at the end.
  virtual torch::Tensor from_latents(const torch::Tensor& latents) = 0;

  /// What tokens stand for: (B,K,T) → (B,D,T), the sum over codebooks that the decoder hears.
  /// Errors as in `decode`.
  virtual torch::Tensor embed(const torch::Tensor& codes) = 0;

  /// (K,V,D): what each token adds to that sum.
  virtual torch::Tensor token_vectors() = 0;
};

/// A codec from a folder or file in a published layout: `config.json` + `model.safetensors` as
/// transformers saves EncodecModel and DacModel, or what `mmi convert` makes of the checkpoints of
/// encodec and descript-audio-codec. In eval mode, weight norm folded.
/// CheckpointError lists all tensors that are missing, left over or of another shape.
MMI_API std::shared_ptr<TokenCodec> load_codec(const std::filesystem::path& path);

/// Writes `config.json` and `model.safetensors` as transformers reads them, for Encodec and Dac.
MMI_API void save_codec(const TokenCodec& codec, const std::filesystem::path& folder);

/// Fills the codec registry.
MMI_API void register_codecs();

}  // namespace mmi::codecs

MMI_DECLARE_REGISTRY(mmi::codecs::TokenCodec);
