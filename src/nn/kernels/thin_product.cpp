#include "nn/kernels/thin_product.h"

#include <algorithm>
#include <bit>
#include <cstring>

#define MMI_INLINE __attribute__((always_inline)) inline
#define MMI_INLINED __attribute__((always_inline))  // of a lambda

namespace mmi::nn::kernels {
namespace {

// Vectors of N lanes; the compiler turns them into what the function they are inlined into may use.
// Written out, as GCC knows no vectors whose size depends on a template's parameter.
template <int N>
struct Vectors;

template <>
struct Vectors<4> {
  using Float = float __attribute__((vector_size(16)));
  using Bits = std::uint32_t __attribute__((vector_size(16)));
  using Half = std::uint16_t __attribute__((vector_size(8)));
  using Byte = std::int8_t __attribute__((vector_size(4)));
};

template <>
struct Vectors<8> {
  using Float = float __attribute__((vector_size(32)));
  using Bits = std::uint32_t __attribute__((vector_size(32)));
  using Half = std::uint16_t __attribute__((vector_size(16)));
  using Byte = std::int8_t __attribute__((vector_size(8)));
};

template <int N>
struct Lanes : Vectors<N> {
  using typename Vectors<N>::Float;
  using typename Vectors<N>::Bits;
  using typename Vectors<N>::Half;
  using typename Vectors<N>::Byte;

  MMI_INLINE static void load(const float* from, Float& to) {
    std::memcpy(&to, from, sizeof(to));
  }

  // A bfloat16 is the upper half of a float.
  MMI_INLINE static void load(const std::uint16_t* from, Float& to) {
    Half half;
    std::memcpy(&half, from, sizeof(half));
    const Bits bits = __builtin_convertvector(half, Bits) << 16;
    std::memcpy(&to, &bits, sizeof(to));
  }

  MMI_INLINE static void load(const std::int8_t* from, Float& to) {
    Byte byte;
    std::memcpy(&byte, from, sizeof(byte));
    to = __builtin_convertvector(byte, Float);
  }

  MMI_INLINE static void store(const Float& from, float* to) {
    std::memcpy(to, &from, sizeof(from));
  }

  MMI_INLINE static float sum(const Float& v) {
    float at[N];
    store(v, at);
    for (int width = N / 2; width > 0; width /= 2) {
      for (int i = 0; i < width; ++i) {
        at[i] += at[i + width];
      }
    }
    return at[0];
  }
};

// Vectors of sums for a row of x: as many as a multiplication takes steps. Each result adds in the
// same order, however many rows are computed beside it.
constexpr int kUnroll = 4;

template <int N, int M>
struct Sums {
  using Float = typename Lanes<N>::Float;
  Float at[M][kUnroll] = {};

  MMI_INLINE void total(int m, Float& to) const {
    to = (at[m][0] + at[m][1]) + (at[m][2] + at[m][3]);
  }
};

// Asks memory for what comes after `bytes` of weights, beyond the end of a row too: the next one
// begins there. Processors do so by themselves while they do little else: measured, this is 1.3
// times as fast with four rows of x, 0.95 times with two and 0.75 times with one.
constexpr std::int64_t kAhead = 2048;  // bytes
constexpr std::int64_t kLine = 64;

MMI_INLINE void ahead(const void* weights, std::int64_t bytes) {
  for (std::int64_t line = 0; line < bytes; line += kLine) {
    __builtin_prefetch(static_cast<const char*>(weights) + kAhead + line);
  }
}

/// sums += x[:, from:to] * weight[from:to].
template <int N, int M, class Value>
MMI_INLINE void multiply(
    const float* const* x,
    const Value* weight,
    std::int64_t from,
    std::int64_t to,
    Sums<N, M>& sums) {
  constexpr int kStep = N * kUnroll;
  using Float = typename Lanes<N>::Float;
  std::int64_t k = from;
  for (; k + kStep <= to; k += kStep) {
    if constexpr (M > 2) {
      ahead(weight + k, kStep * static_cast<std::int64_t>(sizeof(Value)));
    }
    for (int u = 0; u < kUnroll; ++u) {
      Float w;
      Lanes<N>::load(weight + k + u * N, w);
      for (int m = 0; m < M; ++m) {
        Float a;
        Lanes<N>::load(x[m] + k + u * N, a);
        sums.at[m][u] += a * w;
      }
    }
  }
  if (k == to) {
    return;
  }
  // The rest, filled up with zeros.
  Value tail[kStep] = {};
  std::copy(weight + k, weight + to, tail);
  for (int m = 0; m < M; ++m) {
    float tail_x[kStep] = {};
    std::copy(x[m] + k, x[m] + to, tail_x);
    for (int u = 0; u < kUnroll; ++u) {
      Float w;
      Float a;
      Lanes<N>::load(tail + u * N, w);
      Lanes<N>::load(tail_x + u * N, a);
      sums.at[m][u] += a * w;
    }
  }
}

/// Row n of the weight with M rows of x, sums over lanes yet to come.
template <int N, int M, class Value>
MMI_INLINE void row_product(
    const float* const* x,
    const WeightRows<Value>& weight,
    std::int64_t in,
    std::int64_t n,
    typename Lanes<N>::Float* result) {
  Sums<N, M> sums;
  multiply<N, M>(x, weight.data + n * weight.stride, 0, in, sums);
  for (int m = 0; m < M; ++m) {
    sums.total(m, result[m]);
  }
}

template <int N, int M>
MMI_INLINE void row_product(
    const float* const* x,
    const Int8Rows& weight,
    std::int64_t in,
    std::int64_t n,
    typename Lanes<N>::Float* result) {
  const std::int64_t groups = (in + kInt8Group - 1) / kInt8Group;
  for (int m = 0; m < M; ++m) {
    result[m] = typename Lanes<N>::Float{};
  }
  for (std::int64_t g = 0; g < groups; ++g) {
    Sums<N, M> sums;
    multiply<N, M>(
        x, weight.data + n * in, g * kInt8Group, std::min((g + 1) * kInt8Group, in), sums);
    const float scale = weight.scales[n * groups + g];
    for (int m = 0; m < M; ++m) {
      typename Lanes<N>::Float total;
      sums.total(m, total);
      result[m] += total * scale;
    }
  }
}

/// Row n of the weight with M rows of x from `m` on.
template <int N, int M, class Weight>
MMI_INLINE void block(
    const Rows& x,
    const Weight& weight,
    std::int64_t in,
    std::int64_t n,
    std::int64_t m,
    float* y,
    std::int64_t out) {
  const float* rows[M];
  for (int i = 0; i < M; ++i) {
    rows[i] = x.data + (m + i) * x.stride;
  }
  typename Lanes<N>::Float result[M];
  row_product<N, M>(rows, weight, in, n, result);
  for (int i = 0; i < M; ++i) {
    y[(m + i) * out + n] = Lanes<N>::sum(result[i]);
  }
}

// A row of the weight comes from memory once, and from the cache for further rows of x, of which
// `Most` at a time have registers for their sums.
template <int N, int Most, class Weight>
MMI_INLINE void product(
    const Rows& x,
    const Weight& weight,
    std::int64_t in,
    std::int64_t from,
    std::int64_t to,
    float* y,
    std::int64_t out) {
  for (std::int64_t n = from; n < to; ++n) {
    std::int64_t m = 0;
    if constexpr (Most == 4) {
      for (; m + 4 <= x.count; m += 4) {
        block<N, 4>(x, weight, in, n, m, y, out);
      }
    }
    for (; m + 2 <= x.count; m += 2) {
      block<N, 2>(x, weight, in, n, m, y, out);
    }
    if (m < x.count) {
      block<N, 1>(x, weight, in, n, m, y, out);
    }
  }
}

template <int N>
MMI_INLINE void unpack_row(const std::uint16_t* from, std::int64_t count, float* to) {
  std::int64_t k = 0;
  for (; k + N <= count; k += N) {
    typename Lanes<N>::Float value;
    Lanes<N>::load(from + k, value);
    Lanes<N>::store(value, to + k);
  }
  for (; k < count; ++k) {
    to[k] = std::bit_cast<float>(static_cast<std::uint32_t>(from[k]) << 16);
  }
}

template <int N>
MMI_INLINE void unpack_group(const std::int8_t* from, float scale, std::int64_t count, float* to) {
  std::int64_t k = 0;
  for (; k + N <= count; k += N) {
    typename Lanes<N>::Float value;
    Lanes<N>::load(from + k, value);
    Lanes<N>::store(value * scale, to + k);
  }
  for (; k < count; ++k) {
    to[k] = static_cast<float>(from[k]) * scale;
  }
}

#if defined(__x86_64__)
template <class Work>
__attribute__((target("avx2,fma"))) void with_avx2(const Work& work) {
  work.template operator()<8, 2>();
}

template <class Work>
__attribute__((target("avx512f,avx512bw,avx512vl,fma"))) void with_avx512(const Work& work) {
  work.template operator()<8, 4>();
}

/// Runs an MMI_INLINED lambda <lanes, rows of x at a time>, compiled for `set`. AVX-512 gives twice
/// the registers; with twice the lanes int8 weights came from memory at two thirds of the pace.
template <class Work>
void compiled_for(InstructionSet set, const Work& work) {
  switch (set) {
    case InstructionSet::kAvx512:
      return with_avx512(work);
    case InstructionSet::kAvx2:
      return with_avx2(work);
    case InstructionSet::kPlain:
      return work.template operator()<4, 2>();
  }
}
#else
template <class Work>
void compiled_for(InstructionSet /*set*/, const Work& work) {
  work.template operator()<4, 2>();
}
#endif

}  // namespace

void thin_product(
    InstructionSet set,
    const Rows& x,
    const FloatRows& weight,
    std::int64_t in,
    std::int64_t from,
    std::int64_t to,
    float* y,
    std::int64_t out) {
  compiled_for(set, [&]<int N, int Most>() MMI_INLINED {
    product<N, Most>(x, weight, in, from, to, y, out);
  });
}

void thin_product(
    InstructionSet set,
    const Rows& x,
    const Bf16Rows& weight,
    std::int64_t in,
    std::int64_t from,
    std::int64_t to,
    float* y,
    std::int64_t out) {
  compiled_for(set, [&]<int N, int Most>() MMI_INLINED {
    product<N, Most>(x, weight, in, from, to, y, out);
  });
}

void thin_product(
    InstructionSet set,
    const Rows& x,
    const Int8Rows& weight,
    std::int64_t in,
    std::int64_t from,
    std::int64_t to,
    float* y,
    std::int64_t out) {
  compiled_for(set, [&]<int N, int Most>() MMI_INLINED {
    product<N, Most>(x, weight, in, from, to, y, out);
  });
}

void unpack(InstructionSet set, const Bf16Rows& weight, const Panel& panel, float* to) {
  compiled_for(set, [&]<int N, int>() MMI_INLINED {
    for (std::int64_t r = 0; r < panel.rows; ++r) {
      unpack_row<N>(
          weight.data + (panel.first_row + r) * weight.stride + panel.first_column,
          panel.columns,
          to + r * panel.columns);
    }
  });
}

void unpack(
    InstructionSet set, const Int8Rows& weight, std::int64_t in, const Panel& panel, float* to) {
  const std::int64_t groups = (in + kInt8Group - 1) / kInt8Group;
  const std::int64_t end = panel.first_column + panel.columns;
  compiled_for(set, [&]<int N, int>() MMI_INLINED {
    for (std::int64_t r = 0; r < panel.rows; ++r) {
      const std::int64_t row = panel.first_row + r;
      for (std::int64_t k = panel.first_column; k < end;) {
        const std::int64_t group = k / kInt8Group;
        const std::int64_t stop = std::min(end, (group + 1) * kInt8Group);
        unpack_group<N>(
            weight.data + row * in + k,
            weight.scales[row * groups + group],
            stop - k,
            to + r * panel.columns + k - panel.first_column);
        k = stop;
      }
    }
  });
}

}  // namespace mmi::nn::kernels
