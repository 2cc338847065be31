#include "codecs/layers.h"

#include <torch/torch.h>

#include <algorithm>
#include <utility>

#include "mmi/base/errors.h"

namespace mmi::codecs {
namespace {

torch::Tensor joined(const torch::Tensor& a, const torch::Tensor& b) {
  if (!a.defined() || a.size(2) == 0) {
    return b;
  }
  return b.size(2) == 0 ? a : torch::cat({a, b}, 2);
}

torch::Tensor from(const torch::Tensor& x, std::int64_t begin) {
  return x.slice(2, begin);
}

torch::Tensor nothing(const torch::Tensor& like, std::int64_t channels) {
  return like.new_empty({like.size(0), channels, 0});
}

// A signal that is too short to be reflected is first continued by zeros, which are cut off again.
torch::Tensor padded(const torch::Tensor& x, std::int64_t left, std::int64_t right, bool reflect) {
  if (left == 0 && right == 0) {
    return x;
  }
  if (!reflect) {
    return at::constant_pad_nd(x, {left, right});
  }
  const std::int64_t missing = std::max<std::int64_t>(0, std::max(left, right) + 1 - x.size(2));
  const auto longer = missing > 0 ? at::constant_pad_nd(x, {0, missing}) : x;
  const auto out = at::reflection_pad1d(longer, {left, right});
  return out.slice(2, 0, out.size(2) - missing);
}

std::int64_t fill_of(const ConvShape& shape, std::int64_t length) {
  if (!shape.padding.fill) {
    return 0;
  }
  const std::int64_t surplus = length - shape.span() + shape.padding.left + shape.padding.right;
  const std::int64_t strides = (surplus + (surplus > 0 ? shape.stride - 1 : 0)) / shape.stride;
  return strides * shape.stride - surplus;
}

bool may_overwrite(const torch::Tensor& x) {
  return !at::GradMode::is_enabled() && !x.requires_grad();
}

}  // namespace

std::unique_ptr<Stream> Layer::stream_behind(const Pointwise& /*before*/) const {
  return nullptr;
}

Conv::Conv(const ConvShape& shape) : Conv(shape, false) {}

Conv::Conv(const ConvShape& shape, bool transposed) : shape_(shape) {
  torch::Tensor weight;
  torch::Tensor bias;
  if (transposed) {
    const torch::nn::ConvTranspose1d made(
        torch::nn::ConvTranspose1dOptions(shape.in, shape.out, shape.kernel));
    weight = made->weight;
    bias = made->bias;
  } else {
    const torch::nn::Conv1d made(torch::nn::Conv1dOptions(shape.in, shape.out, shape.kernel));
    weight = made->weight;
    bias = made->bias;
  }
  if (shape.weight_norm) {
    weight_g_ = register_parameter("weight_g", weight.detach().norm(2, {1, 2}, true));
    weight_v_ = register_parameter("weight_v", weight.detach());
  } else {
    weight_ = register_parameter("weight", weight.detach());
  }
  bias_ = register_parameter("bias", bias.detach());
}

torch::Tensor Conv::weight() const {
  return shape_.weight_norm ? at::_weight_norm(weight_v_, weight_g_, 0) : weight_;
}

class Conv::Piecewise : public Stream {
 public:
  explicit Piecewise(const Conv& conv, const Pointwise* before = nullptr)
      : conv_(conv), shape_(conv.shape_), before_(before) {}

  torch::Tensor push(const torch::Tensor& piece, bool last) override {
    const Padding& pad = shape_.padding;
    if (length_ == 0 && last && may_overwrite(piece)) {
      return at_once(piece);
    }
    length_ += piece.size(2);
    waiting_ = joined(waiting_, before_ != nullptr ? before_->apply(piece) : piece);
    if (!begun_ && last) {
      return whole(waiting_);
    }
    if (pad.reflect && !begun_ && length_ < pad.left + pad.right + shape_.stride + 1) {
      return nothing(piece, shape_.out);  // too little to be reflected at both ends
    }
    if (!begun_) {
      begun_ = true;
      waiting_ = padded(waiting_, pad.left, 0, pad.reflect);
    }
    if (last) {
      const std::int64_t right = pad.right + fill_of(shape_, length_);
      if (pad.reflect && right > 0) {
        const std::int64_t size = waiting_.size(2);
        const auto mirrored = waiting_.slice(2, size - 1 - right, size - 1).flip({2});
        waiting_ = joined(waiting_, mirrored);
      } else {
        waiting_ = padded(waiting_, 0, right, false);
      }
    }
    // `waiting_` begins `kept_` samples before the next frame, for reflection at the end.
    const std::int64_t ready = waiting_.size(2) - kept_ - shape_.span();
    if (ready < 0) {
      return nothing(piece, shape_.out);
    }
    const std::int64_t frames = ready / shape_.stride + 1;
    const std::int64_t used = (frames - 1) * shape_.stride + shape_.span();
    const auto out = convolved(waiting_.slice(2, kept_, kept_ + used), 0);
    const std::int64_t next = kept_ + frames * shape_.stride;
    const std::int64_t wanted =
        pad.reflect ? std::max<std::int64_t>(0, pad.right + shape_.stride + 1) : 0;
    const std::int64_t begin = std::max<std::int64_t>(0, std::min(next, waiting_.size(2) - wanted));
    kept_ = next - begin;
    waiting_ = from(waiting_, std::min(begin, waiting_.size(2))).clone();
    return out;
  }

 private:
  /// A whole signal without gradients: what stands before the convolution is written to where the
  /// padded signal is, in one pass.
  torch::Tensor at_once(const torch::Tensor& input) const {
    const Padding& pad = shape_.padding;
    const std::int64_t length = input.size(2);
    const std::int64_t right = pad.right + fill_of(shape_, length);
    if ((before_ == nullptr && !pad.reflect) || length <= std::max(pad.left, right)) {
      return whole(before_ != nullptr ? before_->apply(input) : input);
    }
    const auto x = input.new_empty({input.size(0), input.size(1), pad.left + length + right});
    const auto inner = x.slice(2, pad.left, pad.left + length);
    if (before_ != nullptr) {
      before_->apply_into(inner, input);
    } else {
      inner.copy_(input);
    }
    const auto head = x.slice(2, 0, pad.left);
    const auto tail = x.slice(2, pad.left + length);
    if (pad.reflect) {
      head.copy_(inner.slice(2, 1, pad.left + 1).flip({2}));
      tail.copy_(inner.slice(2, length - 1 - right, length - 1).flip({2}));
    } else {
      head.zero_();
      tail.zero_();
    }
    return x.size(2) < shape_.span() ? nothing(input, shape_.out) : convolved(x, 0);
  }

  torch::Tensor whole(const torch::Tensor& input) const {
    const Padding& pad = shape_.padding;
    const std::int64_t right = pad.right + fill_of(shape_, input.size(2));
    const bool inside = !pad.reflect && pad.left == right;
    const auto x = inside ? input : padded(input, pad.left, right, pad.reflect);
    if (x.size(2) + (inside ? 2 * right : 0) < shape_.span()) {
      return nothing(input, shape_.out);
    }
    return convolved(x, inside ? right : 0);
  }

  torch::Tensor convolved(const torch::Tensor& x, std::int64_t padding) const {
    const bool products = shape_.kernel == 1 || shape_.out == 1;
    if (products && shape_.stride == 1 && padding == 0 && x.is_cpu() && may_overwrite(x)) {
      // Products of matrices take views of a longer signal as they are; a convolution copies one,
      // and is four times as slow for a single channel.
      const std::int64_t frames = x.size(2) - shape_.span() + 1;
      const auto weight = conv_.weight();
      auto out = x.new_empty({x.size(0), shape_.out, frames});
      for (std::int64_t b = 0; b < x.size(0); ++b) {
        auto row = out[b];
        for (std::int64_t k = 0; k < shape_.kernel; ++k) {
          const auto seen = x[b].narrow(1, k * shape_.dilation, frames);
          at::addmm_out(row, k == 0 ? conv_.bias_.unsqueeze(1) : row, weight.select(2, k), seen);
        }
      }
      return out;
    }
    return at::conv1d(
        x,
        conv_.weight(),
        conv_.bias_,
        at::IntArrayRef(shape_.stride),
        at::IntArrayRef(padding),
        at::IntArrayRef(shape_.dilation));
  }

  const Conv& conv_;
  const ConvShape& shape_;
  const Pointwise* before_;
  bool begun_ = false;
  std::int64_t length_ = 0;
  std::int64_t kept_ = 0;
  torch::Tensor waiting_;
};

std::unique_ptr<Stream> Conv::stream() {
  return std::make_unique<Piecewise>(*this);
}

std::unique_ptr<Stream> Conv::stream_behind(const Pointwise& before) const {
  return std::make_unique<Piecewise>(*this, &before);
}

ConvTranspose::ConvTranspose(const ConvShape& shape) : Conv(shape, true) {
  MMI_CHECK(
      ConfigError,
      shape.padding.right <= shape.kernel - shape.stride && shape.dilation == 1,
      "a transposed convolution of {} samples with stride {} cannot lose {} samples at its end",
      shape.kernel,
      shape.stride,
      shape.padding.right);
}

class ConvTranspose::Piecewise : public Stream {
 public:
  explicit Piecewise(const ConvTranspose& conv) : conv_(conv), shape_(conv.shape_) {}

  torch::Tensor push(const torch::Tensor& piece, bool last) override {
    const Padding& pad = shape_.padding;
    const std::int64_t over = shape_.kernel - shape_.stride;
    if (!tail_.defined() && last) {
      if (piece.size(2) == 0) {
        return nothing(piece, shape_.out);
      }
      if (piece.size(2) >= kManyFrames && piece.is_cpu() && may_overwrite(piece)) {
        return in_phases(piece);
      }
      const auto full = at::conv_transpose1d(piece, conv_.weight(), conv_.bias_, shape_.stride);
      return full.slice(2, pad.left, full.size(2) - pad.right);
    }
    auto sum = piece.size(2) > 0 ? at::conv_transpose1d(piece, conv_.weight(), {}, shape_.stride)
                                 : piece.new_zeros({piece.size(0), shape_.out, over});
    if (tail_.defined() && over > 0) {
      sum.slice(2, 0, over).add_(tail_);
    }
    const std::int64_t ready = piece.size(2) * shape_.stride;
    const std::int64_t end = last ? sum.size(2) - pad.right : ready;
    tail_ = from(sum, ready).clone();
    const std::int64_t skip = std::min(skip_left(), end);
    skipped_ += skip;
    return sum.slice(2, skip, end) + conv_.bias_.view({1, -1, 1});
  }

 private:
  // From here on the order of the weights costs nothing against what it brings.
  static constexpr std::int64_t kManyFrames = 1024;

  /// A whole signal: result n = frame * stride + phase is a sum over few frames, a convolution of
  /// as many channels as there are phases; 1.6 times as fast as the transposed one.
  torch::Tensor in_phases(const torch::Tensor& x) const {
    const std::int64_t stride = shape_.stride;
    const std::int64_t taps = (shape_.kernel + stride - 1) / stride;
    const auto weight = at::constant_pad_nd(conv_.weight(), {0, taps * stride - shape_.kernel})
                            .view({shape_.in, shape_.out, taps, stride})
                            .flip({2})
                            .permute({1, 3, 0, 2})
                            .reshape({shape_.out * stride, shape_.in, taps});
    const auto phases = at::conv1d(
        x,
        weight,
        conv_.bias_.repeat_interleave(stride),
        at::IntArrayRef(1),
        at::IntArrayRef(taps - 1));
    const std::int64_t begin = shape_.padding.left;
    const std::int64_t end = (x.size(2) - 1) * stride + shape_.kernel - shape_.padding.right;
    const std::int64_t first = begin / stride;
    const std::int64_t frames = (end + stride - 1) / stride - first;
    return phases.view({x.size(0), shape_.out, stride, -1})
        .narrow(3, first, frames)
        .transpose(2, 3)
        .reshape({x.size(0), shape_.out, frames * stride})
        .slice(2, begin - first * stride, end - first * stride);
  }

  std::int64_t skip_left() const {
    return shape_.padding.left - skipped_;
  }

  const ConvTranspose& conv_;
  const ConvShape& shape_;
  std::int64_t skipped_ = 0;
  torch::Tensor tail_;
};

std::unique_ptr<Stream> ConvTranspose::stream() {
  return std::make_unique<Piecewise>(*this);
}

std::unique_ptr<Stream> ConvTranspose::stream_behind(const Pointwise& /*before*/) const {
  return nullptr;
}

Lstm::Lstm(std::int64_t channels, std::int64_t layers) : channels_(channels), layers_(layers) {
  const auto held = register_module("lstm", std::make_shared<torch::nn::Module>("lstm"));
  const torch::nn::LSTM made(torch::nn::LSTMOptions(channels, channels).num_layers(layers));
  for (const auto& item : made->named_parameters()) {
    weights_.push_back(held->register_parameter(item.key(), item.value().detach()));
  }
}

class Lstm::Piecewise : public Stream {
 public:
  explicit Piecewise(const Lstm& lstm) : lstm_(lstm) {}

  torch::Tensor push(const torch::Tensor& piece, bool last) override {
    if (piece.size(2) == 0) {
      return piece;
    }
    if (!hidden_.defined()) {
      hidden_ = piece.new_zeros({lstm_.layers_, piece.size(0), lstm_.channels_});
      cell_ = hidden_;
    }
    const auto input = piece.permute({2, 0, 1});
    const auto [out, hidden, cell] = at::lstm(
        input, {hidden_, cell_}, lstm_.weights_, true, lstm_.layers_, 0.0, false, false, false);
    hidden_ = hidden;
    cell_ = cell;
    return (out + input).permute({1, 2, 0});
  }

 private:
  const Lstm& lstm_;
  torch::Tensor hidden_, cell_;
};

std::unique_ptr<Stream> Lstm::stream() {
  return std::make_unique<Piecewise>(*this);
}

class Pointwise::Piecewise : public Stream {
 public:
  explicit Piecewise(const Pointwise& layer) : layer_(layer) {}

  torch::Tensor push(const torch::Tensor& piece, bool last) override {
    return piece.size(2) == 0 ? piece : layer_.apply(piece);
  }

 private:
  const Pointwise& layer_;
};

std::unique_ptr<Stream> Pointwise::stream() {
  return std::make_unique<Piecewise>(*this);
}

void Pointwise::apply_into(const torch::Tensor& out, const torch::Tensor& x) const {
  out.copy_(apply(x));
}

torch::Tensor Elu::apply(const torch::Tensor& x) const {
  return at::elu(x);
}

void Elu::apply_into(const torch::Tensor& out, const torch::Tensor& x) const {
  torch::Tensor written = out;
  at::elu_out(written, x);
}

torch::Tensor Tanh::apply(const torch::Tensor& x) const {
  return x.tanh();
}

Snake::Snake(std::int64_t channels)
    : alpha_(register_parameter("alpha", torch::ones({1, channels, 1}))) {}

torch::Tensor Snake::apply(const torch::Tensor& x) const {
  if (!may_overwrite(x)) {
    return x + (alpha_ + 1e-9).reciprocal() * (alpha_ * x).sin().pow(2);
  }
  const auto wave = torch::empty_like(x);
  apply_into(wave, x);
  return wave;
}

void Snake::apply_into(const torch::Tensor& out, const torch::Tensor& x) const {
  torch::Tensor wave = out;
  at::mul_out(wave, x, alpha_);
  wave.sin_();
  wave.mul_(wave).mul_((alpha_ + 1e-9).reciprocal()).add_(x);
}

TimeGroupNorm::TimeGroupNorm(std::int64_t channels)
    : weight_(register_parameter("weight", torch::ones({channels}))),
      bias_(register_parameter("bias", torch::zeros({channels}))) {}

torch::Tensor TimeGroupNorm::apply(const torch::Tensor& x) const {
  return at::group_norm(x, 1, weight_, bias_);
}

torch::Tensor Trim::apply(const torch::Tensor& x) const {
  return x.slice(2, left_, x.size(2) - right_);
}

Chain& Chain::add(const std::string& name, std::shared_ptr<Layer> layer) {
  parts_.push_back(register_module(name, std::move(layer)));
  return *this;
}

class Chain::Piecewise : public Stream {
 public:
  explicit Piecewise(const Chain& chain, std::unique_ptr<Stream> first = nullptr) {
    std::size_t i = 0;
    if (first) {
      streams_.push_back(std::move(first));
      ++i;
    }
    for (; i < chain.parts_.size(); ++i) {
      const auto* before = dynamic_cast<const Pointwise*>(chain.parts_[i].get());
      if (before != nullptr && i + 1 < chain.parts_.size()) {
        if (auto both = chain.parts_[i + 1]->stream_behind(*before)) {
          streams_.push_back(std::move(both));
          ++i;
          continue;
        }
      }
      streams_.push_back(chain.parts_[i]->stream());
    }
  }

  torch::Tensor push(const torch::Tensor& piece, bool last) override {
    torch::Tensor x = piece;
    for (const auto& stream : streams_) {
      x = stream->push(x, last);
    }
    return x;
  }

 private:
  std::vector<std::unique_ptr<Stream>> streams_;
};

std::unique_ptr<Stream> Chain::stream() {
  return std::make_unique<Piecewise>(*this);
}

std::unique_ptr<Stream> Chain::stream_behind(const Pointwise& before) const {
  auto first = parts_.empty() ? nullptr : parts_.front()->stream_behind(before);
  return first ? std::make_unique<Piecewise>(*this, std::move(first)) : nullptr;
}

void Residual::set_shortcut(std::shared_ptr<Layer> shortcut) {
  shortcut_ = register_module("shortcut", std::move(shortcut));
}

// What the chain still holds back waits here too.
class Residual::Sum : public Stream {
 public:
  Sum(std::unique_ptr<Stream> main, std::unique_ptr<Stream> shortcut)
      : main_(std::move(main)), shortcut_(std::move(shortcut)) {}

  torch::Tensor push(const torch::Tensor& piece, bool last) override {
    waiting_ = joined(waiting_, shortcut_ ? shortcut_->push(piece, last) : piece);
    const auto made = main_->push(piece, last);
    const std::int64_t ready = made.size(2);
    if (ready == waiting_.size(2)) {
      const auto other = std::exchange(waiting_, torch::Tensor());
      return may_overwrite(made) ? made.add_(other) : other + made;
    }
    const auto out = waiting_.slice(2, 0, ready) + made;
    waiting_ = from(waiting_, ready).clone();
    return out;
  }

 private:
  std::unique_ptr<Stream> main_, shortcut_;
  torch::Tensor waiting_;
};

std::unique_ptr<Stream> Residual::stream_behind(const Pointwise& /*before*/) const {
  return nullptr;
}

std::unique_ptr<Stream> Residual::stream() {
  return std::make_unique<Sum>(Chain::stream(), shortcut_ ? shortcut_->stream() : nullptr);
}

}  // namespace mmi::codecs
