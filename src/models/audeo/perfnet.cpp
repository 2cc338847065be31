#include "mmi/models/audeo/perfnet.h"

#include <torch/nn/functional.h>

#include "mmi/base/errors.h"
#include "mmi/encoders/resnet.h"

namespace mmi::models::audeo {
namespace {

namespace F = torch::nn::functional;
using encoders::scaled_channels;

constexpr double kLeak = 0.01;
constexpr int kUpKernels[] = {6, 4, 3, 2};
constexpr std::int64_t kShortest = 32;  // four poolings leave two frames to normalise over

torch::Tensor normalised(const torch::Tensor& x) {
  return F::instance_norm(x);
}

torch::Tensor active(const torch::Tensor& x) {
  return torch::leaky_relu(normalised(x), kLeak);
}

torch::nn::Conv1d conv3(std::int64_t in, std::int64_t out) {
  return torch::nn::Conv1d(torch::nn::Conv1dOptions(in, out, 3).padding(1));
}

/// Frames that come out for `frames`: halved four times, then raised by the kernels.
std::int64_t output_frames(std::int64_t frames) {
  std::int64_t length = frames / 16;
  for (const int kernel : kUpKernels) {
    length = 2 * (length - 1) - 2 + kernel;
  }
  return length;
}

/// Brings `x` to the length of `other` as the published code does: first evenly on both sides,
/// rounded towards more zeros, then at the right end.
torch::Tensor fit(const torch::Tensor& x, const torch::Tensor& other) {
  const std::int64_t length = other.size(2);
  const auto half =
      static_cast<std::int64_t>(std::floor(static_cast<double>(x.size(2) - length) / 2));
  torch::Tensor fitted = torch::constant_pad_nd(x, {-half, -half});
  return torch::constant_pad_nd(fitted, {0, length - fitted.size(2)});
}

void init_xavier(torch::nn::Module& module) {
  const torch::NoGradGuard no_grad;
  for (const auto& child : module.modules(/*include_self=*/false)) {
    if (auto* layer = child->as<torch::nn::Conv1d>()) {
      torch::nn::init::xavier_normal_(layer->weight);
      torch::nn::init::zeros_(layer->bias);
    } else if (auto* transposed = child->as<torch::nn::ConvTranspose1d>()) {
      torch::nn::init::xavier_normal_(transposed->weight);
      torch::nn::init::zeros_(transposed->bias);
    }
  }
}

}  // namespace

class PerfNetDown : public torch::nn::Module {
 public:
  PerfNetDown(std::int64_t in, std::int64_t out)
      : conv1(register_module("conv1", conv3(in, out))),
        conv2(register_module("conv2", conv3(out, out))) {}

  torch::Tensor forward(const torch::Tensor& x) {
    return active(conv2(active(conv1(x))));
  }

 private:
  torch::nn::Conv1d conv1;
  torch::nn::Conv1d conv2;
};

class PerfNetUp : public torch::nn::Module {
 public:
  PerfNetUp(
      std::int64_t in, std::int64_t out, std::int64_t skip, std::int64_t condition, int kernel)
      : upconv(register_module(
            "upconv",
            torch::nn::ConvTranspose1d(
                torch::nn::ConvTranspose1dOptions(in, out, kernel).stride(2).padding(1)))),
        conv1(register_module("conv1", conv3(out + skip, out))),
        conv2(register_module("conv2", conv3(out + condition, out))) {}

  /// `condition` may be undefined.
  torch::Tensor forward(
      const torch::Tensor& from, const torch::Tensor& skip, const torch::Tensor& condition) {
    torch::Tensor x = active(upconv(from));
    x = active(conv1(torch::cat({x, fit(skip, x)}, 1)));
    if (condition.defined()) {
      x = torch::cat({x, fit(condition, x)}, 1);
    }
    return active(conv2(x));
  }

 private:
  torch::nn::ConvTranspose1d upconv;
  torch::nn::Conv1d conv1;
  torch::nn::Conv1d conv2;
};

namespace {

std::vector<std::shared_ptr<PerfNetDown>> encoder(
    torch::nn::Module& owner, std::int64_t depth, double width) {
  std::vector<std::shared_ptr<PerfNetDown>> blocks;
  torch::nn::ModuleList list;
  std::int64_t in = kMidiPitches;
  for (std::int64_t i = 0; i < depth; ++i) {
    const std::int64_t out = scaled_channels(kMidiPitches << (i + 1), width);
    blocks.push_back(std::make_shared<PerfNetDown>(in, out));
    list->push_back(blocks.back());
    in = out;
  }
  owner.register_module("down_convs", list);
  return blocks;
}

}  // namespace

const config::Schema& PerfNetConfig::schema() {
  using C = PerfNetConfig;
  static const config::Schema made =
      config::Table<C>("perfnet", "PerfNet: a score to a log spectrogram (Wang & Yang 2019)")
          .field("width", &C::width, "channel multiplier of the hidden layers", config::above(0))
          .field("bins", &C::bins, "of the spectrogram, n_fft / 2 + 1", config::at_least(2));
  return made;
}

MultiBandResidual::MultiBandResidual(std::int64_t channels, std::int64_t bands) : bands_(bands) {
  MMI_CHECK(
      ConfigError,
      bands > 0 && channels % bands == 0,
      "{} channels cannot be divided into {} equal bands",
      channels,
      bands);
  conv_list1 = register_module("conv_list1", torch::nn::ModuleList());
  conv_list2 = register_module("conv_list2", torch::nn::ModuleList());
  for (std::int64_t i = 0; i < bands; ++i) {
    conv_list1->push_back(conv3(channels / bands, channels / bands));
    conv_list2->push_back(conv3(channels / bands, channels / bands));
  }
}

// One grouped convolution instead of one a band.
torch::Tensor MultiBandResidual::banded(
    const torch::nn::ModuleList& list, const torch::Tensor& x) const {
  std::vector<torch::Tensor> weights;
  std::vector<torch::Tensor> biases;
  for (const auto& module : *list) {
    const auto* conv = module->as<torch::nn::Conv1d>();
    weights.push_back(conv->weight);
    biases.push_back(conv->bias);
  }
  return torch::conv1d(
      x,
      torch::cat(weights),
      torch::cat(biases),
      /*stride=*/1,
      /*padding=*/1,
      /*dilation=*/1,
      bands_);
}

torch::Tensor MultiBandResidual::forward(const torch::Tensor& x) {
  return 2 * x + normalised(banded(conv_list2, active(banded(conv_list1, x))));
}

PerfNet::PerfNet(const PerfNetConfig& config) : config_(config) {
  const auto channels = [&](std::int64_t published) {
    return scaled_channels(published, config.width);
  };
  const std::int64_t texture = channels(1024);
  MMI_CHECK(
      ConfigError,
      texture % 16 == 0,
      "PerfNet's texture block divides its channels into 16 bands, but width {:g} gives {} "
      "channels; "
      "take a multiple of 1/64",
      config.width,
      texture);
  down_ = encoder(*this, 5, config.width);
  torch::nn::ModuleList ups;

  struct Layout {
    std::int64_t in, out, skip, condition;
  };

  for (const Layout& up :
       {Layout{4096, 2048, 2048, 1024},
        Layout{2048, 1024, 1024, 512},
        Layout{1024, 1024, 512, 0},
        Layout{1024, 1024, 256, 0}}) {
    up_.push_back(std::make_shared<PerfNetUp>(
        channels(up.in),
        channels(up.out),
        channels(up.skip),
        up.condition > 0 ? channels(up.condition) : 0,
        kUpKernels[up_.size()]));
    ups->push_back(up_.back());
  }
  register_module("up_convs", ups);
  for (std::size_t i = 0; i < texture_.size(); ++i) {
    texture_[i] = register_module(
        "MBRBlock" + std::to_string(i + 1),
        std::make_shared<MultiBandResidual>(texture, std::int64_t{2} << i));
  }
  lastconv = register_module(
      "lastconv",
      torch::nn::ConvTranspose1d(
          torch::nn::ConvTranspose1dOptions(texture, config.bins, 3).padding(1)));
  auto onoff = std::make_shared<torch::nn::Module>();
  onoff_ = encoder(*onoff, 3, config.width);
  register_module("onset_offset_encoder", onoff);
  init_xavier(*this);
  // Each texture block doubles what it is given. At its full size the last layer answers with
  // values of 20 where 0 to 8 are right; the first updates then push it below zero, where its
  // leaky rectifier lets hardly anything through, and it stays silent.
  const torch::NoGradGuard no_grad;
  lastconv->weight.div_(1 << texture_.size());
}

torch::Tensor PerfNet::forward(const torch::Tensor& score, const torch::Tensor& onoff) {
  return activations(score, onoff).spectrogram;
}

PerfNetActivations PerfNet::activations(const torch::Tensor& score, const torch::Tensor& onoff) {
  MMI_CHECK(
      ShapeError,
      score.dim() == 3 && score.size(1) == kMidiPitches && score.size(2) >= kShortest &&
          score.sizes() == onoff.sizes(),
      "PerfNet takes score and onsets/offsets of equal shape (B, 128, T >= {}), but they are {} "
      "and "
      "{}",
      kShortest,
      score.sizes().vec(),
      onoff.sizes().vec());
  const std::int64_t frames = score.size(2);
  // Where fewer would come out than went in, silence follows up to a multiple of 16.
  const std::int64_t more = output_frames(frames) < frames ? (16 - frames % 16) % 16 : 0;
  PerfNetActivations a;
  torch::Tensor x = torch::constant_pad_nd(score, {0, more});
  for (std::size_t i = 0; i < down_.size(); ++i) {
    a.down.push_back(down_[i]->forward(i == 0 ? x : torch::max_pool1d(a.down.back(), 2)));
  }
  x = torch::constant_pad_nd(onoff, {0, more});
  for (std::size_t i = 0; i < onoff_.size(); ++i) {
    x = torch::max_pool1d(onoff_[i]->forward(x), 2);
    if (i > 0) {
      a.onoff.push_back(x);
    }
  }
  x = a.down.back();
  for (std::size_t i = 0; i < up_.size(); ++i) {
    const torch::Tensor condition = i < 2 ? a.onoff[1 - i] : torch::Tensor();
    x = up_[i]->forward(x, a.down[3 - i], condition);
    a.up.push_back(x);
  }
  for (const auto& block : texture_) {
    x = block->forward(x);
    a.bands.push_back(x);
  }
  x = torch::leaky_relu(lastconv(x), kLeak);
  a.spectrogram = x.slice(2, 0, frames);
  return a;
}

}  // namespace mmi::models::audeo
