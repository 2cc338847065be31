#include "mmi/codecs/dac.h"

#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "codecs/codes.h"
#include "codecs/layers.h"
#include "mmi/base/errors.h"

namespace mmi::codecs {
namespace {

class Builder {
 public:
  explicit Builder(const DacConfig& config) : config_(config) {}

  std::shared_ptr<Chain> encoder() const {
    auto made = std::make_shared<Chain>();
    std::int64_t width = config_.filters;
    made->add("conv1", conv(1, width, 7));
    auto blocks = std::make_shared<Chain>();
    int index = 0;
    for (const std::int64_t ratio : config_.ratios) {
      auto block = std::make_shared<Chain>();
      add_units(*block, width);
      block->add("snake1", std::make_shared<Snake>(width));
      ConvShape shape = shape_of(width, 2 * width, 2 * ratio);
      shape.stride = ratio;
      shape.padding = {(ratio + 1) / 2, (ratio + 1) / 2};
      block->add("conv1", std::make_shared<Conv>(shape));
      blocks->add(std::to_string(index++), block);
      width *= 2;
    }
    made->add("block", blocks);
    made->add("snake1", std::make_shared<Snake>(width));
    made->add("conv2", conv(width, config_.dim(), 3));
    return made;
  }

  std::shared_ptr<Chain> decoder() const {
    auto made = std::make_shared<Chain>();
    std::int64_t width = config_.decoder_filters;
    made->add("conv1", conv(config_.dim(), width, 7));
    auto blocks = std::make_shared<Chain>();
    int index = 0;
    for (auto ratio = config_.ratios.rbegin(); ratio != config_.ratios.rend(); ++ratio) {
      auto block = std::make_shared<Chain>();
      block->add("snake1", std::make_shared<Snake>(width));
      ConvShape shape = shape_of(width, width / 2, 2 * *ratio);
      shape.stride = *ratio;
      shape.padding = {(*ratio + 1) / 2, (*ratio + 1) / 2};
      block->add("conv_t1", std::make_shared<ConvTranspose>(shape));
      width /= 2;
      add_units(*block, width);
      blocks->add(std::to_string(index++), block);
    }
    made->add("block", blocks);
    made->add("snake1", std::make_shared<Snake>(width));
    made->add("conv2", conv(width, 1, 7));
    made->add("tanh", std::make_shared<Tanh>());
    return made;
  }

 private:
  ConvShape shape_of(std::int64_t in, std::int64_t out, std::int64_t kernel) const {
    ConvShape shape;
    shape.in = in;
    shape.out = out;
    shape.kernel = kernel;
    shape.weight_norm = config_.weight_norm;
    return shape;
  }

  std::shared_ptr<Conv> conv(
      std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t dilation = 1) const {
    ConvShape shape = shape_of(in, out, kernel);
    shape.dilation = dilation;
    shape.padding = {dilation * (kernel - 1) / 2, dilation * (kernel - 1) / 2};
    return std::make_shared<Conv>(shape);
  }

  void add_units(Chain& block, std::int64_t width) const {
    int number = 1;
    for (const std::int64_t dilation : {1, 3, 9}) {
      auto unit = std::make_shared<Residual>();
      unit->add("snake1", std::make_shared<Snake>(width))
          .add("conv1", conv(width, width, 7, dilation))
          .add("snake2", std::make_shared<Snake>(width))
          .add("conv2", conv(width, width, 1));
      block.add("res_unit" + std::to_string(number++), unit);
    }
  }

  const DacConfig& config_;
};

torch::Tensor normalized(const torch::Tensor& rows) {
  return at::div(rows, rows.norm(2, {1}, true).clamp_min(1e-12));
}

}  // namespace

std::int64_t DacConfig::hop() const {
  std::int64_t product = 1;
  for (const std::int64_t ratio : ratios) {
    product *= ratio;
  }
  return product;
}

DacConfig DacConfig::published(const std::string& name) {
  DacConfig made;
  if (name == "dac_24khz") {
    made.sample_rate_hz = 24000;
    made.codebooks = 32;
  } else if (name == "dac_44khz") {
    made.sample_rate_hz = 44100;
    made.ratios = {2, 4, 8, 8};
    made.codebooks = 9;
  } else {
    MMI_CHECK(
        ConfigError,
        name == "dac_16khz",
        "no published DAC is called \"{}\"; there are dac_16khz, dac_24khz and dac_44khz",
        name);
  }
  return made;
}

const config::Schema& DacConfig::schema() {
  using C = DacConfig;
  static const config::Schema made =
      config::Table<C>("dac", "Descript Audio Codec (Kumar et al. 2023)")
          .field("sample_rate_hz", &C::sample_rate_hz, "of the sound", config::at_least(1))
          .field("filters", &C::filters, "of the encoder's first layer", config::at_least(1))
          .field(
              "decoder_filters",
              &C::decoder_filters,
              "of the decoder's first layer",
              config::at_least(1))
          .field(
              "ratios", &C::ratios, "of the encoder; their product is the hop", config::at_least(2))
          .field("codebooks", &C::codebooks, "K", config::at_least(1))
          .field("codebook_size", &C::codebook_size, "V", config::at_least(2))
          .field("codebook_dim", &C::codebook_dim, "numbers of a code", config::at_least(1))
          .field(
              "quantizer_dropout",
              &C::quantizer_dropout,
              "share of a batch that trains with fewer codebooks",
              config::between(0, 1))
          .field("weight_norm", &C::weight_norm, "for training; else folded")
          .check([](const C& c, config::Problems& problems) {
            if (c.ratios.empty()) {
              problems.add("ratios must name at least one rate");
            } else if (c.decoder_filters % (1LL << c.ratios.size()) != 0) {
              problems.add(format(
                  "decoder_filters {} cannot be halved {} times",
                  c.decoder_filters,
                  c.ratios.size()));
            }
          });
  return made;
}

class DacQuantizer::Level : public torch::nn::Module {
 public:
  explicit Level(const DacConfig& config) {
    ConvShape in;
    in.in = config.dim();
    in.out = config.codebook_dim;
    in.weight_norm = config.weight_norm;
    ConvShape out = in;
    std::swap(out.in, out.out);
    in_proj = register_module("in_proj", std::make_shared<Conv>(in));
    out_proj = register_module("out_proj", std::make_shared<Conv>(out));
    codebook = register_module(
        "codebook", torch::nn::Embedding(config.codebook_size, config.codebook_dim));
  }

  /// (B,d,T) → (B,T).
  torch::Tensor nearest(const torch::Tensor& latents) const {
    const auto rows = latents.transpose(1, 2).reshape({-1, latents.size(1)});
    const auto near = at::matmul(normalized(rows), normalized(codebook->weight).t());
    return near.argmax(1).view({latents.size(0), latents.size(2)});
  }

  /// (B,T) → (B,d,T).
  torch::Tensor rows(const torch::Tensor& codes) const {
    return at::embedding(codebook->weight, codes).transpose(1, 2);
  }

  std::shared_ptr<Conv> in_proj, out_proj;
  torch::nn::Embedding codebook{nullptr};
};

DacQuantizer::DacQuantizer(const DacConfig& config) : config_(config) {
  const auto list =
      register_module("quantizers", std::make_shared<torch::nn::Module>("quantizers"));
  for (std::int64_t k = 0; k < config.codebooks; ++k) {
    levels_.push_back(list->register_module(std::to_string(k), std::make_shared<Level>(config)));
  }
}

torch::Tensor DacQuantizer::encode(const torch::Tensor& values, std::int64_t levels) const {
  const std::int64_t count = levels > 0 ? levels : config_.codebooks;
  MMI_CHECK(
      ConfigError,
      count <= config_.codebooks,
      "{} codebooks are asked for, but the codec has {}",
      count,
      config_.codebooks);
  auto rest = values;
  std::vector<torch::Tensor> codes;
  for (std::int64_t k = 0; k < count; ++k) {
    const Level& level = *levels_[static_cast<std::size_t>(k)];
    codes.push_back(level.nearest(level.in_proj->forward(rest)));
    if (k + 1 < count) {
      rest = rest - level.out_proj->forward(level.rows(codes.back()));
    }
  }
  return torch::stack(codes, 1);
}

torch::Tensor DacQuantizer::decode(const torch::Tensor& codes) const {
  check_codes(codes, config_.codebooks, config_.codebook_size);
  torch::Tensor sum;
  for (std::int64_t k = 0; k < codes.size(1); ++k) {
    const Level& level = *levels_[static_cast<std::size_t>(k)];
    const auto part = level.out_proj->forward(level.rows(codes.select(1, k)));
    sum = sum.defined() ? sum + part : part;
  }
  return sum;
}

DacQuantized DacQuantizer::forward(const torch::Tensor& values) {
  const std::int64_t batch = values.size(0);
  auto used = torch::full({batch}, config_.codebooks, torch::kInt64);
  if (is_training()) {
    const auto fewer =
        static_cast<std::int64_t>(static_cast<double>(batch) * config_.quantizer_dropout);
    used.slice(0, 0, fewer).random_(1, config_.codebooks + 1);
  }
  used = used.to(values.device());
  DacQuantized out;
  auto rest = values;
  std::vector<torch::Tensor> codes;
  for (std::int64_t k = 0; k < config_.codebooks; ++k) {
    const Level& level = *levels_[static_cast<std::size_t>(k)];
    const auto latents = level.in_proj->forward(rest);
    codes.push_back(level.nearest(latents));
    const auto rows = level.rows(codes.back());
    const auto mask = (used > k).to(values.dtype());
    const auto mean = [&](const torch::Tensor& difference) {
      return (difference.pow(2).mean({1, 2}) * mask).mean();
    };
    const auto commitment = mean(latents - rows.detach());
    const auto codebook = mean(rows - latents.detach());
    const auto part = level.out_proj->forward(latents + (rows - latents).detach());
    const auto kept = part * mask.view({-1, 1, 1});
    out.values = k == 0 ? kept : out.values + kept;
    out.commitment = k == 0 ? commitment : out.commitment + commitment;
    out.codebook = k == 0 ? codebook : out.codebook + codebook;
    rest = rest - part;
  }
  out.codes = torch::stack(codes, 1);
  return out;
}

torch::Tensor DacQuantizer::vectors() const {
  std::vector<torch::Tensor> all;
  for (const auto& level : levels_) {
    const auto rows = level->codebook->weight.t().unsqueeze(0);
    all.push_back(level->out_proj->forward(rows)[0].t());
  }
  return torch::stack(all);
}

Dac::Dac(const DacConfig& config) : config_(config) {
  config::Problems problems;
  for (const auto& check : DacConfig::schema().checks) {
    check(&config_, problems);
  }
  problems.throw_if_any();
  const Builder builder(config_);
  encoder_ = register_module("encoder", builder.encoder());
  decoder_ = register_module("decoder", builder.decoder());
  quantizer_ = register_module("quantizer", std::make_shared<DacQuantizer>(config_));
}

CodecFormat Dac::format() const {
  return {
      .sample_rate_hz = config_.sample_rate_hz,
      .channels = 1,
      .hop = config_.hop(),
      .codebooks = config_.codebooks,
      .codebook_size = config_.codebook_size};
}

torch::Tensor Dac::to_latents(const torch::Tensor& wave) {
  return encoder_->forward(wave);
}

torch::Tensor Dac::from_latents(const torch::Tensor& latents) {
  return decoder_->forward(latents);
}

torch::Tensor Dac::embed(const torch::Tensor& codes) {
  return quantizer_->decode(codes);
}

torch::Tensor Dac::token_vectors() {
  return quantizer_->vectors();
}

// Silence fills the last frame.
class Dac::Encoding : public EncodeStream {
 public:
  Encoding(Dac& codec, std::int64_t codebooks)
      : codec_(codec), codebooks_(codebooks), stream_(codec.encoder_->stream()) {}

  Encoded push(const torch::Tensor& wave, bool last) override {
    check_wave(wave, 1);
    length_ += wave.size(2);
    const std::int64_t hop = codec_.config_.hop();
    const std::int64_t missing = last ? (hop - length_ % hop) % hop : 0;
    const auto piece = missing > 0 ? at::constant_pad_nd(wave, {0, missing}) : wave;
    return {
        .codes = codec_.quantizer_->encode(stream_->push(piece, last), codebooks_),
        .length = wave.size(2)};
  }

 private:
  Dac& codec_;
  std::int64_t codebooks_;
  std::int64_t length_ = 0;
  std::unique_ptr<Stream> stream_;
};

std::unique_ptr<EncodeStream> Dac::encode_stream(std::int64_t codebooks) {
  return std::make_unique<Encoding>(*this, codebooks);
}

// What odd strides lose at the end is silence.
class Dac::Decoding : public DecodeStream {
 public:
  explicit Decoding(Dac& codec) : codec_(codec), stream_(codec.decoder_->stream()) {}

  torch::Tensor push(const Encoded& piece, bool last) override {
    const auto vectors = codec_.embed(piece.codes);
    frames_ += vectors.size(2);
    auto wave = stream_->push(vectors, last);
    samples_ += wave.size(2);
    const std::int64_t missing = frames_ * codec_.config_.hop() - samples_;
    return last && missing > 0 ? at::constant_pad_nd(wave, {0, missing}) : wave;
  }

 private:
  Dac& codec_;
  std::int64_t frames_ = 0;
  std::int64_t samples_ = 0;
  std::unique_ptr<Stream> stream_;
};

std::unique_ptr<DecodeStream> Dac::decode_stream() {
  return std::make_unique<Decoding>(*this);
}

}  // namespace mmi::codecs
