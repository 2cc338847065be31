#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

/// Layers of the convolutional codecs. Each computes a whole signal or, through a stream, one piece
/// after another with the same result: a stream keeps what the next piece needs of the past, and
/// holds back what needs the future.
namespace mmi::codecs {

class Stream {
 public:
  virtual ~Stream() = default;

  /// (B,C,n) → (B,C',m); n and m may be 0. Nothing may follow the last piece.
  virtual torch::Tensor push(const torch::Tensor& piece, bool last) = 0;
};

class Pointwise;

class Layer : public torch::nn::Module {
 public:
  virtual std::unique_ptr<Stream> stream() = 0;

  /// The same behind `before`, with fewer passes over memory; null where there is no such way.
  virtual std::unique_ptr<Stream> stream_behind(const Pointwise& before) const;

  /// (B,C,L) → (B,C',L').
  torch::Tensor forward(const torch::Tensor& input) {
    return stream()->push(input, true);
  }
};

/// How the ends of a signal are continued.
struct Padding {
  std::int64_t left = 0;
  std::int64_t right = 0;
  bool reflect = false;  ///< else zeros
  bool fill = false;     ///< right is widened until the last frame is whole
};

struct ConvShape {
  std::int64_t in = 1;
  std::int64_t out = 1;
  std::int64_t kernel = 1;
  std::int64_t stride = 1;
  std::int64_t dilation = 1;
  Padding padding = {};
  bool weight_norm = false;

  std::int64_t span() const {
    return (kernel - 1) * dilation + 1;
  }
};

/// Keys weight and bias, or weight_g, weight_v and bias.
class Conv : public Layer {
 public:
  explicit Conv(const ConvShape& shape);
  std::unique_ptr<Stream> stream() override;
  std::unique_ptr<Stream> stream_behind(const Pointwise& before) const override;

 protected:
  Conv(const ConvShape& shape, bool transposed);
  torch::Tensor weight() const;

  class Piecewise;

  ConvShape shape_;
  torch::Tensor weight_, weight_g_, weight_v_, bias_;
};

/// `padding` counts the samples that are cut off at both ends of the full result.
class ConvTranspose : public Conv {
 public:
  explicit ConvTranspose(const ConvShape& shape);
  std::unique_ptr<Stream> stream() override;
  std::unique_ptr<Stream> stream_behind(const Pointwise& before) const override;

 private:
  class Piecewise;
};

/// x + lstm(x) over time; keys lstm.weight_ih_l0 …
class Lstm : public Layer {
 public:
  Lstm(std::int64_t channels, std::int64_t layers);
  std::unique_ptr<Stream> stream() override;

 private:
  class Piecewise;

  std::int64_t channels_;
  std::int64_t layers_;
  std::vector<torch::Tensor> weights_;
};

/// A function of each sample.
class Pointwise : public Layer {
 public:
  std::unique_ptr<Stream> stream() override;
  virtual torch::Tensor apply(const torch::Tensor& x) const = 0;

  /// Into memory that is there already; without gradients.
  virtual void apply_into(const torch::Tensor& out, const torch::Tensor& x) const;

 private:
  class Piecewise;
};

class Elu : public Pointwise {
 public:
  torch::Tensor apply(const torch::Tensor& x) const override;
  void apply_into(const torch::Tensor& out, const torch::Tensor& x) const override;
};

class Tanh : public Pointwise {
 public:
  torch::Tensor apply(const torch::Tensor& x) const override;
};

/// x + sin²(αx) / (α + 1e-9) with α (1,C,1); key alpha (Ziyin, Hartwig & Ueda, NeurIPS 2020).
class Snake : public Pointwise {
 public:
  explicit Snake(std::int64_t channels);
  torch::Tensor apply(const torch::Tensor& x) const override;
  void apply_into(const torch::Tensor& out, const torch::Tensor& x) const override;

 private:
  torch::Tensor alpha_;
};

/// Over channels and time of a whole signal, which therefore has to come in one piece; keys weight
/// and bias.
class TimeGroupNorm : public Pointwise {
 public:
  explicit TimeGroupNorm(std::int64_t channels);
  torch::Tensor apply(const torch::Tensor& x) const override;

 private:
  torch::Tensor weight_, bias_;
};

/// Cuts samples off both ends of a whole signal.
class Trim : public Pointwise {
 public:
  Trim(std::int64_t left, std::int64_t right) : left_(left), right_(right) {}

  torch::Tensor apply(const torch::Tensor& x) const override;

 private:
  std::int64_t left_, right_;
};

/// One layer after the other, under the names that they are added with.
class Chain : public Layer {
 public:
  Chain& add(const std::string& name, std::shared_ptr<Layer> layer);
  std::unique_ptr<Stream> stream() override;
  std::unique_ptr<Stream> stream_behind(const Pointwise& before) const override;

 protected:
  class Piecewise;
  std::vector<std::shared_ptr<Layer>> parts_;
};

/// The chain's result plus its input, or plus what `shortcut` makes of it.
class Residual : public Chain {
 public:
  /// Key shortcut.
  void set_shortcut(std::shared_ptr<Layer> shortcut);
  std::unique_ptr<Stream> stream() override;
  std::unique_ptr<Stream> stream_behind(const Pointwise& before) const override;

 private:
  class Sum;
  std::shared_ptr<Layer> shortcut_;
};

}  // namespace mmi::codecs
