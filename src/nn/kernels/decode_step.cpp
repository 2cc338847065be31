#include "mmi/nn/kernels/decode_step.h"

#include <ATen/Parallel.h>  // get_num_threads: its at::parallel_for is a plain loop here
#include <torch/torch.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "mmi/base/errors.h"
#include "mmi/base/parallel.h"
#include "nn/kernels/lanes.h"

namespace mmi::nn {
namespace {

using kernels::Lanes;

template <int N>
MMI_INLINE float dot(const float* a, const float* b, std::int64_t size) {
  using Float = typename Lanes<N>::Float;
  Float sums[4] = {};
  std::int64_t i = 0;
  for (; i + 4 * N <= size; i += 4 * N) {
    for (int u = 0; u < 4; ++u) {
      Float x;
      Float y;
      Lanes<N>::load(a + i + u * N, x);
      Lanes<N>::load(b + i + u * N, y);
      sums[u] += x * y;
    }
  }
  float sum = Lanes<N>::sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
  for (; i < size; ++i) {
    sum += a[i] * b[i];
  }
  return sum;
}

/// out += weight * row
template <int N>
MMI_INLINE void add_scaled(float* out, const float* row, float weight, std::int64_t size) {
  using Float = typename Lanes<N>::Float;
  std::int64_t i = 0;
  for (; i + N <= size; i += N) {
    Float sum;
    Float x;
    Lanes<N>::load(out + i, sum);
    Lanes<N>::load(row + i, x);
    sum += weight * x;
    Lanes<N>::store(sum, out + i);
  }
  for (; i < size; ++i) {
    out[i] += weight * row[i];
  }
}

/// e^x for x <= 0, off by at most two units in the last place (Cephes' polynomial).
MMI_INLINE float exp_of(float x) {
  constexpr float kRound =
      12582912.0F;  // adding it leaves the nearest whole number in the mantissa
  x = std::max(x, -87.0F);
  const float shifted = x * 1.44269504F + kRound;
  const float n = shifted - kRound;
  const float r = (x - n * 0.693359375F) + n * 2.12194440e-4F;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1;
  const auto power = (std::bit_cast<std::int32_t>(shifted) - std::bit_cast<std::int32_t>(kRound))
                     << 23;
  return std::bit_cast<float>(std::bit_cast<std::int32_t>(p) + power);
}

/// One key-value head of one sample.
struct Head {
  const float* q;       // (group,dim)
  const float* keys;    // (columns,dim)
  const float* values;  // (columns,dim)
  const bool* real;     // (columns) or null
  float* out;           // (group,dim)
  float* scores;        // (group,columns)
  std::int64_t group;
  std::int64_t columns;
  std::int64_t dim;
  float scale;
  float soft_cap;
};

// A layer's cache has been driven out by the weights of all layers when its turn comes again, and
// the pieces of a head are too short for processors to fetch by themselves: 1.45 times as fast.
constexpr std::int64_t kAhead = 8;  // columns

MMI_INLINE void fetch(const float* row, std::int64_t dim) {
  for (std::int64_t i = 0; i < dim; i += 16) {
    __builtin_prefetch(row + i);
  }
}

template <int N>
MMI_INLINE void attend(const Head& h) {
  for (std::int64_t s = 0; s < h.columns; ++s) {
    fetch(h.keys + (s + kAhead) * h.dim, h.dim);
    fetch(h.values + s * h.dim, h.dim);
    for (std::int64_t g = 0; g < h.group; ++g) {
      float score = h.scale * dot<N>(h.q + g * h.dim, h.keys + s * h.dim, h.dim);
      if (h.soft_cap > 0) {
        score = h.soft_cap * std::tanh(score / h.soft_cap);
      }
      const bool seen = h.real == nullptr || h.real[s];
      h.scores[g * h.columns + s] = seen ? score : -std::numeric_limits<float>::infinity();
    }
  }
  for (std::int64_t g = 0; g < h.group; ++g) {
    float* const score = h.scores + g * h.columns;
    // NaN must come out as NaN, which std::max would drop.
    float top = score[0];
    for (std::int64_t s = 1; s < h.columns; ++s) {
      top = score[s] > top || std::isnan(score[s]) ? score[s] : top;
    }
    for (std::int64_t s = 0; s < h.columns; ++s) {
      score[s] = exp_of(score[s] - top);
    }
    double sum = 0;
    for (std::int64_t s = 0; s < h.columns; ++s) {
      if (h.real != nullptr && !h.real[s]) {
        score[s] = 0;
      }
      sum += score[s];
    }
    const auto share = static_cast<float>(1 / sum);
    for (std::int64_t s = 0; s < h.columns; ++s) {
      score[s] *= share;
    }
    std::fill(h.out + g * h.dim, h.out + (g + 1) * h.dim, std::isnan(top) ? top : 0.0F);
  }
  for (std::int64_t s = 0; s < h.columns; ++s) {
    for (std::int64_t g = 0; g < h.group; ++g) {
      add_scaled<N>(h.out + g * h.dim, h.values + s * h.dim, h.scores[g * h.columns + s], h.dim);
    }
  }
}

/// With erfc(z) = polynomial(1 / (1 + p z)) e^(-z z), off by 1.5e-7 at most (Abramowitz and Stegun
/// 7.1.26). NaN stays NaN.
MMI_INLINE float gelu_of(float x) {
  const float z = std::abs(x) * 0.707106781F;
  const float t = 1 / (1 + 0.3275911F * z);
  float p = 1.061405429F;
  p = p * t - 1.453152027F;
  p = p * t + 1.421413741F;
  p = p * t - 0.284496736F;
  p = p * t + 0.254829592F;
  const float rest = p * t * exp_of(-z * z);
  return 0.5F * x * (x < 0 ? rest : 2 - rest);
}

MMI_INLINE void gelu_all(const float* from, std::int64_t count, float* to) {
  for (std::int64_t i = 0; i < count; ++i) {
    to[i] = gelu_of(from[i]);
  }
}

/// Compiled for the widest instructions that this processor has.
struct Compiled {
  void (*attend)(const Head&);
  void (*gelu)(const float*, std::int64_t, float*);
};

#ifdef __x86_64__
#define MMI_AVX2 __attribute__((target("avx2,fma")))
#define MMI_AVX512 __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")))

MMI_AVX512 void attend_avx512(const Head& h) {
  attend<16>(h);
}

MMI_AVX512 void gelu_avx512(const float* from, std::int64_t count, float* to) {
  gelu_all(from, count, to);
}

MMI_AVX2 void attend_avx2(const Head& h) {
  attend<8>(h);
}

MMI_AVX2 void gelu_avx2(const float* from, std::int64_t count, float* to) {
  gelu_all(from, count, to);
}
#endif

void attend_plain(const Head& h) {
  attend<4>(h);
}

void gelu_plain(const float* from, std::int64_t count, float* to) {
  gelu_all(from, count, to);
}

const Compiled& compiled() {
  static const Compiled widest = [] {
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")) {
      return Compiled{attend_avx512, gelu_avx512};
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
      return Compiled{attend_avx2, gelu_avx2};
    }
#endif
    return Compiled{attend_plain, gelu_plain};
  }();
  return widest;
}

}  // namespace

torch::Tensor attend_one(
    const torch::Tensor& q,
    const torch::Tensor& keys,
    const torch::Tensor& values,
    const torch::Tensor& real,
    const OneQuery& how) {
  const std::int64_t batch = q.size(0);
  const std::int64_t heads = q.size(2);
  const std::int64_t dim = q.size(3);
  const std::int64_t kv_heads = keys.size(1);
  const std::int64_t group = heads / kv_heads;
  MMI_ASSERT(q.is_contiguous() && keys.stride(2) == dim && keys.stride(3) == 1);
  MMI_ASSERT(values.strides() == keys.strides() && values.sizes() == keys.sizes());
  const std::int64_t first =
      how.window > 0 ? std::max<std::int64_t>(0, keys.size(2) - how.window) : 0;
  const std::int64_t columns = keys.size(2) - first;
  torch::Tensor out = torch::empty({batch, 1, heads * dim}, q.options());
  const auto* const q_data = q.const_data_ptr<float>();
  const auto* const key_data = keys.const_data_ptr<float>();
  const auto* const value_data = values.const_data_ptr<float>();
  const bool* const real_data = real.defined() ? real.const_data_ptr<bool>() : nullptr;
  auto* const out_data = out.mutable_data_ptr<float>();
  const std::int64_t count = batch * kv_heads;
  const std::int64_t helped = count * group * columns * dim / 65536;
  const auto threads = std::min<std::int64_t>(at::get_num_threads(), helped);
  parallel_for(count, static_cast<int>(threads), [&](std::int64_t i) {
    static thread_local std::vector<float> scores;  // keeps its memory from step to step
    scores.resize(static_cast<std::size_t>(group * columns));
    const std::int64_t b = i / kv_heads;
    const std::int64_t kv = i % kv_heads;
    const std::int64_t at = b * keys.stride(0) + kv * keys.stride(1) + first * dim;
    const std::int64_t query = (b * heads + kv * group) * dim;
    compiled().attend(
        {q_data + query,
         key_data + at,
         value_data + at,
         real_data == nullptr ? nullptr : real_data + b * real.stride(0) + first,
         out_data + query,
         scores.data(),
         group,
         columns,
         dim,
         static_cast<float>(how.scale),
         static_cast<float>(how.soft_cap)});
  });
  return out;
}

torch::Tensor gelu(const torch::Tensor& x) {
  const auto from = x.contiguous();
  MMI_ASSERT(from.is_cpu() && from.scalar_type() == torch::kFloat);
  torch::Tensor to = torch::empty_like(from);
  compiled().gelu(from.const_data_ptr<float>(), from.numel(), to.mutable_data_ptr<float>());
  return to;
}

}  // namespace mmi::nn
