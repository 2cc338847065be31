#include "mmi/codecs/codec.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "codecs/codes.h"
#include "mmi/base/errors.h"
#include "mmi/codecs/dac.h"
#include "mmi/codecs/encodec.h"

MMI_DEFINE_REGISTRY(mmi::codecs::TokenCodec)

namespace mmi::codecs {
namespace {

/// Options of the published networks, whose sizes are fixed.
struct PublishedConfig {
  std::string weights;

  static const config::Schema& schema() {
    static const config::Schema made =
        config::Table<PublishedConfig>("published_codec", "a codec of published size")
            .field(
                "weights",
                &PublishedConfig::weights,
                "folder or file of its checkpoint; \"\": random weights");
    return made;
  }
};

template <class Codec, class Config>
void add_published(const std::string& name, const std::string& doc) {
  Registry<TokenCodec>::get().add<PublishedConfig>(
      name, doc, [name](const PublishedConfig& config, const auto&) -> std::shared_ptr<TokenCodec> {
        if (config.weights.empty()) {
          return std::make_shared<Codec>(Config::published(name));
        }
        auto codec = load_codec(config.weights);
        const Config published = Config::published(name);
        const CodecFormat found = codec->format();
        MMI_CHECK(
            CheckpointError,
            found.sample_rate_hz == published.sample_rate_hz && found.hop == published.hop() &&
                found.codebook_size == published.codebook_size,
            "{} is no {}: it has {} Hz, a hop of {} samples and codebooks of {}",
            config.weights,
            name,
            found.sample_rate_hz,
            found.hop,
            found.codebook_size);
        return codec;
      });
}

}  // namespace

double CodecFormat::kbps(std::int64_t count) const {
  return frame_rate_hz() * std::log2(static_cast<double>(codebook_size)) *
         static_cast<double>(count > 0 ? count : codebooks) / 1000;
}

std::int64_t CodecFormat::codebooks_at(double kbps) const {
  const auto fitting = static_cast<std::int64_t>(std::floor(kbps / this->kbps(1) + 1e-9));
  return std::clamp<std::int64_t>(fitting, 1, codebooks);
}

Encoded TokenCodec::encode(const torch::Tensor& wave, std::int64_t codebooks) {
  const CodecFormat form = format();
  check_wave(wave, form.channels);
  MMI_CHECK(ShapeError, wave.size(2) > 0, "a waveform of no samples has no codes");
  MMI_CHECK(
      ConfigError,
      codebooks >= 0 && codebooks <= form.codebooks,
      "{} codebooks are asked for, but the codec has {}",
      codebooks,
      form.codebooks);
  return encode_stream(codebooks)->push(wave, true);
}

torch::Tensor TokenCodec::decode(const Encoded& encoded) {
  const torch::Tensor& codes = encoded.codes;
  MMI_CHECK(
      ShapeError,
      codes.dim() == 3 && codes.size(2) > 0,
      "codes for this codec are (B, 1 to {}, T) int64 with T > 0, not {} of {}",
      format().codebooks,
      codes.sizes().vec(),
      c10::toString(codes.scalar_type()));
  const auto wave = decode_stream()->push(encoded, true);
  if (encoded.length == 0) {
    return wave;
  }
  MMI_CHECK(
      DataError,
      encoded.length > 0 && encoded.length <= wave.size(2),
      "{} frames are {} samples, not the {} that they are said to be",
      codes.size(2),
      wave.size(2),
      encoded.length);
  return wave.slice(2, 0, encoded.length);
}

void register_codecs() {
  auto& registry = Registry<TokenCodec>::get();
  registry.add<EncodecConfig>(
      "encodec", "EnCodec of any size", [](const EncodecConfig& config, const auto&) {
        return std::make_shared<Encodec>(config);
      });
  registry.add<DacConfig>(
      "dac", "Descript Audio Codec of any size", [](const DacConfig& config, const auto&) {
        return std::make_shared<Dac>(config);
      });
  add_published<Encodec, EncodecConfig>(
      "encodec_24khz",
      "14.8 M parameters, causal, mono, 1.5 to 24 kbit/s (facebook/encodec_24khz)");
  add_published<Encodec, EncodecConfig>(
      "encodec_48khz",
      "14.9 M, stereo, in chunks of a second, 3 to 24 kbit/s (facebook/encodec_48khz)");
  add_published<Encodec, EncodecConfig>(
      "encodec_32khz", "56.9 M, music, 2.2 kbit/s, of MusicGen (facebook/encodec_32khz)");
  add_published<Encodec, EncodecConfig>(
      "encodec_16khz",
      "56.8 M, sounds, 2.2 kbit/s, of AudioGen and VATT (in facebook/audiogen-medium)");
  add_published<Dac, DacConfig>("dac_16khz", "74.1 M, 6 kbit/s, of VAB (descript/dac_16khz)");
  add_published<Dac, DacConfig>("dac_24khz", "74.7 M, 24 kbit/s (descript/dac_24khz)");
  add_published<Dac, DacConfig>("dac_44khz", "76.6 M, 8 kbit/s (descript/dac_44khz)");
}

}  // namespace mmi::codecs
