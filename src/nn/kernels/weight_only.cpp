#include "mmi/nn/kernels/weight_only.h"

#include <ATen/autocast_mode.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "mmi/base/errors.h"
#include "mmi/base/parallel.h"
#include "mmi/tensor/huge_pages.h"
#include "mmi/tensor/parallel.h"
#include "nn/kernels/thin_product.h"

namespace mmi::nn {
namespace {

constexpr std::int64_t kPanelBytes = std::int64_t{2} << 20;   // unpacked; about a processor's cache
constexpr std::int64_t kThreadBytes = std::int64_t{1} << 20;  // of weights, worth starting a thread
constexpr std::int64_t kSliceBytes = std::int64_t{1} << 18;   // of weights, what a thread takes

struct Float {
  torch::Tensor weight;  // (out,in), rows without gaps in them

  std::int64_t bytes_per_row() const {
    return weight.size(1) * 4;
  }

  kernels::FloatRows rows() const {
    return {weight.const_data_ptr<float>(), weight.stride(0)};
  }
};

struct Bf16 {
  torch::Tensor weight;  // (out,in), rows without gaps in them

  explicit Bf16(const std::vector<torch::Tensor>& tensors) : weight(tensors[0]) {}

  std::vector<torch::Tensor> tensors() const {
    return {weight};
  }

  std::int64_t bytes_per_row() const {
    return weight.size(1) * 2;
  }

  kernels::Bf16Rows rows() const {
    return {static_cast<const std::uint16_t*>(weight.const_data_ptr()), weight.stride(0)};
  }

  void unpack(InstructionSet set, const kernels::Panel& panel, float* to) const {
    kernels::unpack(set, rows(), panel, to);
  }
};

struct Int8 {
  torch::Tensor weight;  // (out,in)
  torch::Tensor scales;

  explicit Int8(const std::vector<torch::Tensor>& tensors)
      : weight(tensors[0]), scales(tensors[1]) {}

  std::vector<torch::Tensor> tensors() const {
    return {weight, scales};
  }

  std::int64_t bytes_per_row() const {
    return weight.size(1);
  }

  kernels::Int8Rows rows() const {
    return {weight.const_data_ptr<std::int8_t>(), scales.const_data_ptr<float>()};
  }

  void unpack(InstructionSet set, const kernels::Panel& panel, float* to) const {
    kernels::unpack(set, rows(), weight.size(1), panel, to);
  }
};

std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

/// x (M,in) without gaps in its rows, few of them.
template <class Weight>
void few_rows(InstructionSet set, const torch::Tensor& x, const Weight& weight, torch::Tensor& y) {
  const std::int64_t out = y.size(1);
  const kernels::Rows rows{x.const_data_ptr<float>(), x.size(0), x.stride(0)};
  const auto packed = weight.rows();
  float* const to = y.mutable_data_ptr<float>();
  const std::int64_t per_row = std::max<std::int64_t>(1, weight.bytes_per_row());
  const std::int64_t slice =
      ceil_div(kSliceBytes, kernels::kBlockRows * per_row) * kernels::kBlockRows;
  const std::int64_t helped = ceil_div(out * per_row, kThreadBytes);
  parallel_for(
      ceil_div(out, slice),
      static_cast<int>(std::min<std::int64_t>(at::get_num_threads(), helped)),
      [&](std::int64_t i) {
        const std::int64_t end = std::min(out, (i + 1) * slice);
        kernels::thin_product(set, rows, packed, x.size(1), i * slice, end, to, out);
      });
}

/// y (M,out) = x (M,in) times the weight's transpose, or, `back`, y (M,in) = x (M,out) times it.
template <class Weight>
void many_rows(
    InstructionSet set, const torch::Tensor& x, const Weight& weight, bool back, torch::Tensor& y) {
  const std::int64_t out = weight.weight.size(0);
  const std::int64_t in = weight.weight.size(1);
  const std::int64_t width = back ? in : out;
  const std::int64_t depth = back ? out : in;
  const std::int64_t panel =
      std::max<std::int64_t>(16, kPanelBytes / 4 / std::max<std::int64_t>(1, depth) / 16 * 16);
  parallel_items(ceil_div(width, panel), [&](std::int64_t i) {
    const at::NoGradGuard no_grad;  // a setting of each thread
    const std::int64_t from = i * panel;
    const std::int64_t size = std::min(panel, width - from);
    const auto unpacked = back ? torch::empty({out, size}) : torch::empty({size, in});
    weight.unpack(
        set,
        back ? kernels::Panel{0, out, from, size} : kernels::Panel{from, size, 0, in},
        unpacked.template mutable_data_ptr<float>());
    auto part = y.narrow(1, from, size);
    at::mm_out(part, x, back ? unpacked : unpacked.t());
  });
}

torch::Tensor flat_rows(const torch::Tensor& x, std::int64_t width) {
  const auto flat = x.reshape({-1, width});
  return width == 1 || flat.stride(1) == 1 ? flat : flat.contiguous();
}

std::vector<std::int64_t> with_last(const torch::Tensor& x, std::int64_t width) {
  auto sizes = x.sizes().vec();
  sizes.back() = width;
  return sizes;
}

template <class Weight>
torch::Tensor product(InstructionSet set, const torch::Tensor& x, const Weight& weight) {
  const auto flat = flat_rows(x, weight.weight.size(1));
  auto y = torch::empty({flat.size(0), weight.weight.size(0)}, x.options());
  if (flat.size(0) <= kFewRows) {
    few_rows(set, flat, weight, y);
  } else {
    many_rows(set, flat, weight, /*back=*/false, y);
  }
  return y.view(with_last(x, y.size(1)));
}

template <class Weight>
torch::Tensor gradient(InstructionSet set, const torch::Tensor& dy, const Weight& weight) {
  const auto flat = flat_rows(dy, weight.weight.size(0));
  auto dx = torch::empty({flat.size(0), weight.weight.size(1)}, dy.options());
  many_rows(set, flat, weight, /*back=*/true, dx);
  return dx.view(with_last(dy, dx.size(1)));
}

template <class Weight>
struct Product : torch::autograd::Function<Product<Weight>> {
  static torch::Tensor forward(
      torch::autograd::AutogradContext* context,
      const torch::Tensor& x,
      const Weight& weight,
      InstructionSet set) {
    context->saved_data["weight"] = weight.tensors();
    context->saved_data["set"] = static_cast<std::int64_t>(set);
    return product(set, x, weight);
  }

  static torch::autograd::variable_list backward(
      torch::autograd::AutogradContext* context, const torch::autograd::variable_list& dy) {
    const auto set = static_cast<InstructionSet>(context->saved_data["set"].toInt());
    const Weight weight(context->saved_data["weight"].toTensorVector());
    return {gradient(set, dy[0], weight), {}, {}};
  }
};

template <class Weight>
torch::Tensor linear(
    const torch::Tensor& x,
    const Weight& weight,
    const torch::Tensor& bias,
    const std::optional<InstructionSet>& instructions) {
  static const InstructionSet widest = instruction_sets().back();
  const InstructionSet set = instructions.value_or(widest);
  const auto y = x.requires_grad() && at::GradMode::is_enabled()
                     ? Product<Weight>::apply(x, weight, set)
                     : product(set, x, weight);
  return bias.defined() ? y + bias : y;
}

void check_sizes(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) {
  MMI_CHECK(
      ShapeError,
      x.is_cpu() && x.scalar_type() == torch::kFloat && x.dim() >= 1 && weight.dim() == 2 &&
          x.size(-1) == weight.size(1),
      "Such a linear layer takes float32 (...,{}) on the CPU, not {} {}.",
      weight.size(-1),
      c10::toString(x.scalar_type()),
      c10::str(x.sizes()));
  MMI_CHECK(
      ShapeError,
      !bias.defined() || (bias.dim() == 1 && bias.size(0) == weight.size(0)),
      "The bias must be ({}), but is {}.",
      weight.size(0),
      c10::str(bias.sizes()));
}

}  // namespace

std::vector<InstructionSet> instruction_sets() {
  std::vector<InstructionSet> found{InstructionSet::kPlain};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    found.push_back(InstructionSet::kAvx2);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl")) {
      found.push_back(InstructionSet::kAvx512);
    }
  }
#endif
  return found;
}

torch::Tensor linear_float(
    const torch::Tensor& x,
    const torch::Tensor& weight,
    const torch::Tensor& bias,
    std::optional<InstructionSet> instructions) {
  const auto plain = [](const torch::Tensor& t) {
    return t.is_cpu() && t.scalar_type() == torch::kFloat &&
           !(at::GradMode::is_enabled() && t.requires_grad());
  };
  const bool thin = !at::autocast::is_autocast_enabled(at::kCPU) && plain(x) && plain(weight) &&
                    weight.dim() == 2 && x.dim() >= 1 && x.size(-1) == weight.size(1) &&
                    weight.numel() > 0 && weight.stride(1) == 1 &&
                    x.numel() / x.size(-1) <= kFewRows;
  if (!thin) {
    return bias.defined() ? at::linear(x, weight, bias) : at::linear(x, weight);
  }
  check_sizes(x, weight, bias);
  static const InstructionSet widest = instruction_sets().back();
  const auto flat = flat_rows(x, weight.size(1));
  auto y = torch::empty({flat.size(0), weight.size(0)}, x.options());
  few_rows(instructions.value_or(widest), flat, Float{weight}, y);
  if (bias.defined()) {
    y = at::GradMode::is_enabled() ? y + bias : y.add_(bias);
  }
  return y.view(with_last(x, y.size(1)));
}

torch::Tensor linear_bf16(
    const torch::Tensor& x,
    const torch::Tensor& weight,
    const torch::Tensor& bias,
    std::optional<InstructionSet> instructions) {
  check_sizes(x, weight, bias);
  MMI_CHECK(
      ShapeError,
      weight.is_cpu() && weight.scalar_type() == torch::kBFloat16,
      "linear_bf16 takes bfloat16 weights on the CPU, not {} on {}.",
      c10::toString(weight.scalar_type()),
      weight.device().str());
  const auto fixed = weight.detach();
  const bool rows_are_whole = fixed.stride(1) == 1 || fixed.size(1) == 1;
  return linear(x, Bf16({rows_are_whole ? fixed : fixed.contiguous()}), bias, instructions);
}

Int8Weight quantize_int8(const torch::Tensor& weight) {
  MMI_CHECK(
      ShapeError,
      weight.dim() == 2 && weight.is_floating_point(),
      "Weights to be quantised must be floats (out,in), not {} {}.",
      c10::toString(weight.scalar_type()),
      c10::str(weight.sizes()));
  const at::NoGradGuard no_grad;
  const std::int64_t out = weight.size(0);
  const std::int64_t in = weight.size(1);
  const std::int64_t groups = ceil_div(in, kInt8Group);
  Int8Weight result{
      in_huge_pages(
          torch::empty({out, in}, weight.options().dtype(torch::kChar).requires_grad(false))),
      torch::empty({out, groups}, weight.options().dtype(torch::kFloat).requires_grad(false))};
  if (weight.is_meta()) {
    return result;
  }
  const std::int64_t part =
      std::max<std::int64_t>(1, kPanelBytes / 4 / std::max<std::int64_t>(1, in));
  parallel_items(ceil_div(out, part), [&](std::int64_t i) {
    const at::NoGradGuard none;
    const std::int64_t rows = std::min(part, out - i * part);
    const auto wide = weight.narrow(0, i * part, rows).to(torch::kFloat);
    const std::int64_t gap = groups * kInt8Group - in;
    const auto padded = gap == 0 ? wide : at::constant_pad_nd(wide, {0, gap});
    const auto grouped = padded.reshape({rows, groups, kInt8Group});
    const auto scales = grouped.abs().amax(-1) / 127;
    const auto safe = at::where(scales > 0, scales, torch::ones({}));
    const auto values = at::div(grouped, safe.unsqueeze(-1)).round_().to(torch::kChar);
    result.scales.narrow(0, i * part, rows).copy_(scales);
    result.values.narrow(0, i * part, rows).copy_(values.view({rows, -1}).narrow(1, 0, in));
  });
  MMI_CHECK(
      NumericError,
      at::isfinite(result.scales).all().item<bool>(),
      "Weights to be quantised must be finite numbers.");
  return result;
}

torch::Tensor dequantize_int8(const torch::Tensor& values, const torch::Tensor& scales) {
  const auto repeated = scales.repeat_interleave(kInt8Group, 1).narrow(1, 0, values.size(1));
  return values.to(torch::kFloat) * repeated;
}

torch::Tensor linear_int8(
    const torch::Tensor& x,
    const torch::Tensor& values,
    const torch::Tensor& scales,
    const torch::Tensor& bias,
    std::optional<InstructionSet> instructions) {
  check_sizes(x, values, bias);
  MMI_CHECK(
      ShapeError,
      values.is_cpu() && values.scalar_type() == torch::kChar && scales.is_cpu() &&
          scales.scalar_type() == torch::kFloat && scales.dim() == 2 &&
          scales.size(0) == values.size(0) &&
          scales.size(1) == ceil_div(values.size(1), kInt8Group),
      "int8 weights {} need float32 scales ({},{}) on the CPU, not {}.",
      c10::str(values.sizes()),
      values.size(0),
      ceil_div(values.size(1), kInt8Group),
      c10::str(scales.sizes()));
  return linear(x, Int8({values.contiguous(), scales.contiguous()}), bias, instructions);
}

}  // namespace mmi::nn
