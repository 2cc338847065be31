#include "mmi/models/audeo/roll2midi.h"

#include <string>

#include "mmi/base/errors.h"
#include "mmi/encoders/resnet.h"

namespace mmi::models::audeo {
namespace {

using encoders::scaled_channels;

constexpr double kNormEpsilon = 0.8;
constexpr double kLeak = 0.2;

torch::nn::LeakyReLU leaky() {
  return torch::nn::LeakyReLU(torch::nn::LeakyReLUOptions().negative_slope(kLeak).inplace(true));
}

torch::nn::BatchNorm2d norm(std::int64_t channels) {
  return torch::nn::BatchNorm2d(torch::nn::BatchNorm2dOptions(channels).eps(kNormEpsilon));
}

torch::nn::Sequential down_block(std::int64_t in, std::int64_t out, bool normalise, double drop) {
  torch::nn::Sequential block(
      torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, 3).padding(1).bias(false)));
  if (normalise) {
    block->push_back(norm(out));
  }
  block->push_back(leaky());
  if (drop > 0) {
    block->push_back(torch::nn::Dropout(drop));
  }
  return block;
}

torch::nn::Sequential up_block(std::int64_t in, std::int64_t out, double drop) {
  torch::nn::Sequential block(
      torch::nn::ConvTranspose2d(
          torch::nn::ConvTranspose2dOptions(in, out, 3).padding(1).bias(false)),
      norm(out),
      torch::nn::ReLU(torch::nn::ReLUOptions().inplace(true)));
  if (drop > 0) {
    block->push_back(torch::nn::Dropout(drop));
  }
  return block;
}

// Published keys have one more level: down1.model.0.weight.
class Block : public torch::nn::Module {
 public:
  explicit Block(const torch::nn::Sequential& model) {
    register_module("model", model);
  }
};

// Weights of convolutions N(0, 0.02), of norms N(1, 0.02); biases of norms 0.
void init_gan(torch::nn::Module& module) {
  torch::NoGradGuard no_grad;
  for (const auto& child : module.modules(/*include_self=*/false)) {
    if (auto* layer = child->as<torch::nn::Conv2d>()) {
      torch::nn::init::normal_(layer->weight, 0.0, 0.02);
    } else if (auto* transposed = child->as<torch::nn::ConvTranspose2d>()) {
      torch::nn::init::normal_(transposed->weight, 0.0, 0.02);
    } else if (auto* batch_norm = child->as<torch::nn::BatchNorm2d>()) {
      torch::nn::init::normal_(batch_norm->weight, 1.0, 0.02);
      torch::nn::init::zeros_(batch_norm->bias);
    }
  }
}

void check_roll(const torch::Tensor& roll) {
  MMI_CHECK(
      ShapeError,
      roll.dim() == 4 && roll.size(1) == 1,
      "the roll must be (B, 1, K, T), but is {} instead",
      roll.sizes().vec());
}

}  // namespace

const config::Schema& Roll2MidiGeneratorConfig::schema() {
  using C = Roll2MidiGeneratorConfig;
  static const config::Schema made =
      config::Table<C>("roll2midi", "generator of Audeo's Roll2Midi: roll probabilities to a roll")
          .field("width", &C::width, "channel multiplier of every layer", config::above(0))
          .field("dropout", &C::dropout, "of the inner blocks", config::between(0, 0.99));
  return made;
}

const config::Schema& Roll2MidiDiscriminatorConfig::schema() {
  using C = Roll2MidiDiscriminatorConfig;
  static const config::Schema made =
      config::Table<C>("roll2midi_discriminator", "patch discriminator of Audeo's Roll2Midi")
          .field("width", &C::width, "channel multiplier of every layer", config::above(0));
  return made;
}

Roll2MidiGenerator::Roll2MidiGenerator(const Roll2MidiGeneratorConfig& config) : config_(config) {
  MMI_CHECK(
      ConfigError,
      config.width > 0 && config.dropout >= 0 && config.dropout < 1,
      "width must be > 0 and dropout in [0, 1), but are {} and {} instead",
      config.width,
      config.dropout);
  std::array<std::int64_t, 6> depth{64, 128, 256, 512, 1024, 1024};
  std::array<std::int64_t, 5> height{512, 256, 128, 64, 16};
  for (std::int64_t& channels : depth) {
    channels = scaled_channels(channels, config.width);
  }
  for (std::int64_t& channels : height) {
    channels = scaled_channels(channels, config.width);
  }
  for (std::size_t i = 0; i < down.size(); ++i) {
    const double drop = i >= 2 ? config.dropout : 0;
    down[i] = down_block(i == 0 ? 1 : depth[i - 1], depth[i], i > 0, drop);
    register_module("down" + std::to_string(i + 1), std::make_shared<Block>(down[i]));
  }
  std::int64_t in = depth[5];
  for (std::size_t i = 0; i < up.size(); ++i) {
    up[i] = up_block(in, height[i], i < 3 ? config.dropout : 0);
    register_module("up" + std::to_string(i + 1), std::make_shared<Block>(up[i]));
    in = height[i] + depth[4 - i];
  }
  conv1d = register_module("conv1d", torch::nn::Conv2d(torch::nn::Conv2dOptions(in, 1, 1)));
  init_gan(*this);
}

torch::Tensor Roll2MidiGenerator::forward(const torch::Tensor& roll) {
  return activations(roll).midi;
}

Roll2MidiActivations Roll2MidiGenerator::activations(const torch::Tensor& roll) {
  check_roll(roll);
  Roll2MidiActivations a;
  torch::Tensor x = roll;
  for (std::size_t i = 0; i < down.size(); ++i) {
    x = a.down[i] = down[i]->forward(x);
  }
  for (std::size_t i = 0; i < up.size(); ++i) {
    x = a.up[i] = torch::cat({up[i]->forward(x), a.down[4 - i]}, 1);
  }
  a.before_sigmoid = conv1d(x);
  a.midi = torch::sigmoid(a.before_sigmoid);
  return a;
}

Roll2MidiDiscriminator::Roll2MidiDiscriminator(const Roll2MidiDiscriminatorConfig& config)
    : config_(config) {
  MMI_CHECK(ConfigError, config.width > 0, "width must be > 0, but is {} instead", config.width);
  torch::nn::Sequential layers;
  std::int64_t in = 1;
  for (const std::int64_t published : {64, 128, 256, 512}) {
    const std::int64_t out = scaled_channels(published, config.width);
    layers->push_back(torch::nn::Conv2d(
        torch::nn::Conv2dOptions(in, out, 3).stride(published == 512 ? 1 : 2).padding(1)));
    if (published != 64) {
      layers->push_back(torch::nn::InstanceNorm2d(out));
    }
    layers->push_back(leaky());
    in = out;
  }
  layers->push_back(torch::nn::Conv2d(torch::nn::Conv2dOptions(in, 1, 3).padding(1)));
  model = register_module("model", layers);
  init_gan(*this);
}

torch::Tensor Roll2MidiDiscriminator::forward(const torch::Tensor& midi) {
  return activations(midi).patch;
}

Roll2MidiPatchActivations Roll2MidiDiscriminator::activations(const torch::Tensor& midi) {
  check_roll(midi);
  Roll2MidiPatchActivations a;
  torch::Tensor x = midi;
  std::size_t blocks = 0;
  for (auto& layer : *model) {
    x = layer.forward(x);
    if (layer.ptr()->as<torch::nn::LeakyReLU>() != nullptr) {
      a.block[blocks++] = x;
    }
  }
  a.patch = x;
  return a;
}

}  // namespace mmi::models::audeo
