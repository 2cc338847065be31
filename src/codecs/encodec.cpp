#include "mmi/codecs/encodec.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "codecs/codes.h"
#include "codecs/layers.h"
#include "mmi/base/errors.h"

namespace mmi::codecs {
namespace {

class Builder {
 public:
  explicit Builder(const EncodecConfig& config) : config_(config) {}

  std::shared_ptr<Layer> conv(
      std::int64_t in,
      std::int64_t out,
      std::int64_t kernel,
      std::int64_t stride = 1,
      std::int64_t dilation = 1) const {
    ConvShape shape = shape_of(in, out, kernel, stride);
    shape.dilation = dilation;
    const std::int64_t total = shape.span() - stride;
    const std::int64_t right = config_.causal ? 0 : total / 2;
    shape.padding = {total - right, right, config_.reflect, true};
    return normed(std::make_shared<Conv>(shape), out);
  }

  std::shared_ptr<Layer> conv_transpose(
      std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride) const {
    ConvShape shape = shape_of(in, out, kernel, stride);
    const std::int64_t total = kernel - stride;
    const std::int64_t right = config_.causal ? total : total / 2;
    if (config_.norm != ConvNorm::kTimeGroupNorm) {
      shape.padding = {total - right, right};
      return normed(std::make_shared<ConvTranspose>(shape), out);
    }
    // What is cut off is part of the statistics.
    auto made = normed(std::make_shared<ConvTranspose>(shape), out);
    made->add("trim", std::make_shared<Trim>(total - right, right));
    return made;
  }

  std::shared_ptr<Layer> residual(std::int64_t channels, std::int64_t dilation) const {
    const std::int64_t hidden = channels / config_.compress;
    auto block = std::make_shared<Chain>();
    block->add("0", std::make_shared<Elu>())
        .add("1", conv(channels, hidden, config_.residual_kernel, 1, dilation))
        .add("2", std::make_shared<Elu>())
        .add("3", conv(hidden, channels, 1));
    auto made = std::make_shared<Residual>();
    made->add("block", block);
    if (config_.shortcut) {
      made->set_shortcut(conv(channels, channels, 1));
    }
    return made;
  }

  /// Keys layers.<i>.
  std::shared_ptr<Chain> encoder() const {
    Numbered layers;
    std::int64_t width = config_.filters;
    layers.add(conv(config_.channels, width, config_.kernel));
    for (auto ratio = config_.ratios.rbegin(); ratio != config_.ratios.rend(); ++ratio) {
      add_residuals(layers, width);
      layers.add(std::make_shared<Elu>());
      layers.add(conv(width, 2 * width, 2 * *ratio, *ratio));
      width *= 2;
    }
    if (config_.lstm_layers > 0) {
      layers.add(std::make_shared<Lstm>(width, config_.lstm_layers));
    }
    layers.add(std::make_shared<Elu>());
    layers.add(conv(width, config_.dim, config_.last_kernel));
    return layers.under("layers");
  }

  std::shared_ptr<Chain> decoder() const {
    Numbered layers;
    std::int64_t width = config_.filters << config_.ratios.size();
    layers.add(conv(config_.dim, width, config_.kernel));
    if (config_.lstm_layers > 0) {
      layers.add(std::make_shared<Lstm>(width, config_.lstm_layers));
    }
    for (const std::int64_t ratio : config_.ratios) {
      layers.add(std::make_shared<Elu>());
      layers.add(conv_transpose(width, width / 2, 2 * ratio, ratio));
      width /= 2;
      add_residuals(layers, width);
    }
    layers.add(std::make_shared<Elu>());
    layers.add(conv(width, config_.channels, config_.last_kernel));
    return layers.under("layers");
  }

 private:
  class Numbered {
   public:
    void add(std::shared_ptr<Layer> layer) {
      chain_->add(std::to_string(count_++), std::move(layer));
    }

    std::shared_ptr<Chain> under(const std::string& name) const {
      auto made = std::make_shared<Chain>();
      made->add(name, chain_);
      return made;
    }

   private:
    int count_ = 0;
    std::shared_ptr<Chain> chain_ = std::make_shared<Chain>();
  };

  void add_residuals(Numbered& layers, std::int64_t width) const {
    std::int64_t dilation = 1;
    for (std::int64_t i = 0; i < config_.residual_layers; ++i) {
      layers.add(residual(width, dilation));
      dilation *= config_.dilation_growth;
    }
  }

  ConvShape shape_of(
      std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride) const {
    ConvShape shape;
    shape.in = in;
    shape.out = out;
    shape.kernel = kernel;
    shape.stride = stride;
    shape.weight_norm = config_.norm == ConvNorm::kWeightNorm;
    return shape;
  }

  std::shared_ptr<Chain> normed(std::shared_ptr<Layer> conv, std::int64_t channels) const {
    auto made = std::make_shared<Chain>();
    made->add("conv", std::move(conv));
    if (config_.norm == ConvNorm::kTimeGroupNorm) {
      made->add("norm", std::make_shared<TimeGroupNorm>(channels));
    }
    return made;
  }

  const EncodecConfig& config_;
};

/// Samples of a chunk and between the beginnings of two; a signal without chunks is one.
struct Chunks {
  std::int64_t size = 0;
  std::int64_t stride = 0;

  explicit Chunks(const EncodecConfig& config)
      : size(
            static_cast<std::int64_t>(config.chunk_s * static_cast<double>(config.sample_rate_hz))),
        stride(std::max<std::int64_t>(
            1, static_cast<std::int64_t>((1 - config.chunk_overlap) * static_cast<double>(size)))) {
  }
};

/// (B,1,1): the root mean square of the mean over channels.
torch::Tensor loudness(const torch::Tensor& wave) {
  return wave.mean(1, true).pow(2).mean(2, true).sqrt() + 1e-8;
}

}  // namespace

std::int64_t EncodecConfig::hop() const {
  std::int64_t product = 1;
  for (const std::int64_t ratio : ratios) {
    product *= ratio;
  }
  return product;
}

EncodecConfig EncodecConfig::published(const std::string& name) {
  EncodecConfig made;
  if (name == "encodec_24khz") {
    return made;
  }
  if (name == "encodec_48khz") {
    made.sample_rate_hz = 48000;
    made.channels = 2;
    made.causal = false;
    made.norm = ConvNorm::kTimeGroupNorm;
    made.codebooks = 16;
    made.normalize = true;
    made.chunk_s = 1;
    made.chunk_overlap = 0.01;
    return made;
  }
  made.filters = 64;
  made.causal = false;
  made.shortcut = false;
  made.codebooks = 4;
  made.codebook_size = 2048;
  if (name == "encodec_32khz") {
    made.sample_rate_hz = 32000;
    made.ratios = {8, 5, 4, 4};
    return made;
  }
  MMI_CHECK(
      ConfigError,
      name == "encodec_16khz",
      "no published EnCodec is called \"{}\"; there are encodec_24khz, encodec_48khz, "
      "encodec_32khz and encodec_16khz",
      name);
  made.sample_rate_hz = 16000;
  made.reflect = false;
  return made;
}

const config::Schema& EncodecConfig::schema() {
  using C = EncodecConfig;
  static const config::Schema made =
      config::Table<C>("encodec", "EnCodec (Défossez et al. 2023)")
          .field("sample_rate_hz", &C::sample_rate_hz, "of the sound", config::at_least(1))
          .field("channels", &C::channels, "of the sound", config::between(1, 2))
          .field("filters", &C::filters, "of the first convolution", config::at_least(1))
          .field("dim", &C::dim, "numbers of a frame", config::at_least(1))
          .field(
              "ratios", &C::ratios, "of the decoder; their product is the hop", config::at_least(1))
          .field("kernel", &C::kernel, "of the first convolutions", config::at_least(1))
          .field("last_kernel", &C::last_kernel, "of the last convolutions", config::at_least(1))
          .field("residual_kernel", &C::residual_kernel, "in residual blocks", config::at_least(1))
          .field("residual_layers", &C::residual_layers, "at each rate", config::at_least(1))
          .field(
              "dilation_growth", &C::dilation_growth, "from one to the next", config::at_least(1))
          .field("compress", &C::compress, "channels inside residual blocks", config::at_least(1))
          .field("lstm_layers", &C::lstm_layers, "0: none", config::at_least(0))
          .field("causal", &C::causal, "frames depend on the past alone")
          .field("reflect", &C::reflect, "how signals are continued; off: zeros")
          .field("shortcut", &C::shortcut, "1x1 convolution beside residual blocks")
          .field("norm", &C::norm, "of convolutions; weight norm is for training")
          .field("codebooks", &C::codebooks, "K", config::at_least(1))
          .field("codebook_size", &C::codebook_size, "V", config::at_least(2))
          .field("normalize", &C::normalize, "chunks are divided by their loudness")
          .field("chunk_s", &C::chunk_s, "seconds of a chunk; 0: all is one", config::at_least(0))
          .field("chunk_overlap", &C::chunk_overlap, "share of a chunk", config::between(0, 0.5))
          .field("training", &C::training, "of the codebooks")
          .check([](const C& c, config::Problems& problems) {
            if (c.ratios.empty()) {
              problems.add("ratios must name at least one rate");
            }
            if (c.filters % c.compress != 0) {
              problems.add(format("compress {} does not divide filters {}", c.compress, c.filters));
            }
            if (c.chunk_s == 0 && (c.normalize || c.norm == ConvNorm::kTimeGroupNorm)) {
              problems.add("normalize and time_group_norm need chunks: set chunk_s");
            }
          });
  return made;
}

Encodec::Encodec(const EncodecConfig& config) : config_(config) {
  config::Problems problems;
  for (const auto& check : EncodecConfig::schema().checks) {
    check(&config_, problems);
  }
  problems.throw_if_any();
  const Builder builder(config_);
  encoder_ = register_module("encoder", builder.encoder());
  decoder_ = register_module("decoder", builder.decoder());
  quantizer_ = register_module(
      "quantizer",
      std::make_shared<ResidualQuantizer>(
          config_.codebooks, config_.codebook_size, config_.dim, config_.training));
}

CodecFormat Encodec::format() const {
  return {
      .sample_rate_hz = config_.sample_rate_hz,
      .channels = config_.channels,
      .hop = config_.hop(),
      .codebooks = config_.codebooks,
      .codebook_size = config_.codebook_size};
}

torch::Tensor Encodec::to_latents(const torch::Tensor& wave) {
  return encoder_->forward(wave);
}

torch::Tensor Encodec::from_latents(const torch::Tensor& latents) {
  return decoder_->forward(latents);
}

torch::Tensor Encodec::embed(const torch::Tensor& codes) {
  return quantizer_->decode(codes);
}

torch::Tensor Encodec::token_vectors() {
  return quantizer_->vectors();
}

class Encodec::Encoding : public EncodeStream {
 public:
  Encoding(Encodec& codec, std::int64_t codebooks)
      : codec_(codec), chunks_(codec.config_), codebooks_(codebooks) {
    if (chunks_.size == 0) {
      stream_ = codec.encoder_->stream();
    }
  }

  Encoded push(const torch::Tensor& wave, bool last) override {
    check_wave(wave, codec_.config_.channels);
    const std::int64_t length = wave.size(2);
    if (stream_) {
      return {
          .codes = codec_.quantizer_->encode(stream_->push(wave, last), codebooks_),
          .length = length};
    }
    waiting_ = waiting_.defined() ? torch::cat({waiting_, wave}, 2) : wave;
    Encoded made{.codes = {}, .length = length};
    std::vector<torch::Tensor> codes;
    std::vector<torch::Tensor> scales;
    const auto encode = [&](torch::Tensor chunk) {
      if (codec_.config_.normalize) {
        const auto scale = loudness(chunk);
        scales.push_back(scale.view({-1, 1}));
        chunk = chunk / scale;
      }
      codes.push_back(codec_.quantizer_->encode(codec_.to_latents(chunk), codebooks_));
      made.chunks.push_back(codes.back().size(2));
    };
    std::int64_t begin = 0;
    while (begin + chunks_.size <= waiting_.size(2)) {
      encode(waiting_.slice(2, begin, begin + chunks_.size));
      begin += chunks_.stride;
    }
    for (; last && begin < waiting_.size(2); begin += chunks_.stride) {
      encode(waiting_.slice(2, begin));
    }
    waiting_ = waiting_.slice(2, std::min(begin, waiting_.size(2))).clone();
    made.codes = codes.empty() ? torch::empty(
                                     {wave.size(0), count(), 0},
                                     torch::TensorOptions(torch::kInt64).device(wave.device()))
                               : torch::cat(codes, 2);
    if (!scales.empty()) {
      made.scales = torch::cat(scales, 1);
    }
    return made;
  }

 private:
  std::int64_t count() const {
    return codebooks_ > 0 ? codebooks_ : codec_.config_.codebooks;
  }

  Encodec& codec_;
  Chunks chunks_;
  std::int64_t codebooks_;
  std::unique_ptr<Stream> stream_;
  torch::Tensor waiting_;
};

std::unique_ptr<EncodeStream> Encodec::encode_stream(std::int64_t codebooks) {
  return std::make_unique<Encoding>(*this, codebooks);
}

// Chunks are faded into each other by triangles, which are divided by their sum.
class Encodec::Decoding : public DecodeStream {
 public:
  explicit Decoding(Encodec& codec) : codec_(codec), chunks_(codec.config_) {
    if (chunks_.size == 0) {
      stream_ = codec.decoder_->stream();
    }
  }

  torch::Tensor push(const Encoded& piece, bool last) override {
    if (stream_) {
      return stream_->push(codec_.embed(piece.codes), last);
    }
    check_codes(piece.codes, codec_.config_.codebooks, codec_.config_.codebook_size);
    std::int64_t frames = 0;
    for (const std::int64_t chunk : piece.chunks) {
      frames += chunk;
    }
    const auto count = static_cast<std::int64_t>(piece.chunks.size());
    MMI_CHECK(
        DataError,
        frames == piece.codes.size(2) &&
            (count == 0 || !codec_.config_.normalize ||
             (piece.scales.defined() && piece.scales.size(1) == count)),
        "codes of a codec that works in chunks need the frames of each chunk and its loudness");
    std::vector<torch::Tensor> waves;
    std::int64_t begin = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t end = begin + piece.chunks[static_cast<std::size_t>(i)];
      auto wave = codec_.from_latents(codec_.embed(piece.codes.slice(2, begin, end)));
      if (codec_.config_.normalize) {
        wave = wave * piece.scales.select(1, i).view({-1, 1, 1});
      }
      waves.push_back(faded(wave, last && i + 1 == count));
      begin = end;
    }
    if (waves.empty() && last && sum_.defined()) {
      return sum_ / weight_;
    }
    if (waves.empty()) {
      return torch::empty(
          {piece.codes.size(0), codec_.config_.channels, 0},
          torch::TensorOptions().device(piece.codes.device()));
    }
    return torch::cat(waves, 2);
  }

 private:
  /// What no later chunk changes.
  torch::Tensor faded(torch::Tensor wave, bool last) {
    const std::int64_t size = wave.size(2);
    if (!fade_.defined()) {
      const auto place = torch::linspace(0, 1, size + 2, wave.options()).slice(0, 1, size + 1);
      fade_ = 0.5 - (place - 0.5).abs();
    }
    auto weight = fade_.slice(0, 0, size).clone();
    wave = wave * weight;
    if (sum_.defined()) {
      const std::int64_t shared = std::min(sum_.size(2), size);
      wave.slice(2, 0, shared).add_(sum_.slice(2, 0, shared));
      weight.slice(0, 0, shared).add_(weight_.slice(0, 0, shared));
      wave = torch::cat({wave, sum_.slice(2, shared)}, 2);
      weight = torch::cat({weight, weight_.slice(0, shared)});
    }
    const std::int64_t ready = last ? wave.size(2) : std::min(chunks_.stride, wave.size(2));
    sum_ = wave.slice(2, ready);
    weight_ = weight.slice(0, ready);
    return wave.slice(2, 0, ready) / weight.slice(0, 0, ready);
  }

  Encodec& codec_;
  Chunks chunks_;
  std::unique_ptr<Stream> stream_;
  torch::Tensor fade_, sum_, weight_;
};

std::unique_ptr<DecodeStream> Encodec::decode_stream() {
  return std::make_unique<Decoding>(*this);
}

}  // namespace mmi::codecs
