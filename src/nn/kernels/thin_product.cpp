#include "nn/kernels/thin_product.h"

#include <algorithm>
#include <bit>
#include <type_traits>

#include "nn/kernels/lanes.h"

#define MMI_INLINED __attribute__((always_inline))  // of a lambda

namespace mmi::nn::kernels {
namespace {

// Vectors of sums for each of R rows of the weight and M of x: U of N lanes. Each result adds in
// the same order, however many rows of x are computed beside it.
template <int N, int U, int R, int M>
struct Sums {
  using Float = typename Lanes<N>::Float;
  Float at[R][M][U] = {};

  MMI_INLINE void total(int r, int m, Float& to) {
    for (int width = U / 2; width > 0; width /= 2) {
      for (int u = 0; u < width; ++u) {
        at[r][m][u] += at[r][m][u + width];
      }
    }
    to = at[r][m][0];
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

/// sums += x[:, k:k + N * U] * weight[r][k:k + N * U].
template <int N, int U, int R, int M, class Value>
MMI_INLINE void add(
    const float* const* x, const Value* const* weight, std::int64_t k, Sums<N, U, R, M>& sums) {
  using Float = typename Lanes<N>::Float;
  for (int u = 0; u < U; ++u) {
    Float w[R];
    for (int r = 0; r < R; ++r) {
      Lanes<N>::load(weight[r] + k + u * N, w[r]);
    }
    for (int m = 0; m < M; ++m) {
      Float a;
      Lanes<N>::load(x[m] + k + u * N, a);
      for (int r = 0; r < R; ++r) {
        sums.at[r][m][u] += a * w[r];
      }
    }
  }
}

/// sums += x[:, from:to] * weight[r][from:to].
template <int N, int U, int R, int M, class Value>
MMI_INLINE void multiply(
    const float* const* x,
    const Value* const* weight,
    std::int64_t from,
    std::int64_t to,
    Sums<N, U, R, M>& sums) {
  constexpr int kStep = N * U;
  std::int64_t k = from;
  for (; k + kStep <= to; k += kStep) {
    if constexpr (R == 1 && M > 2) {
      ahead(weight[0] + k, kStep * static_cast<std::int64_t>(sizeof(Value)));
    }
    add(x, weight, k, sums);
  }
  if (k == to) {
    return;
  }
  // The rest, filled up with zeros.
  Value tail[R][kStep] = {};
  float tail_x[M][kStep] = {};
  const Value* tail_rows[R];
  const float* tail_x_rows[M];
  for (int r = 0; r < R; ++r) {
    std::copy(weight[r] + k, weight[r] + to, tail[r]);
    tail_rows[r] = tail[r];
  }
  for (int m = 0; m < M; ++m) {
    std::copy(x[m] + k, x[m] + to, tail_x[m]);
    tail_x_rows[m] = tail_x[m];
  }
  add(tail_x_rows, tail_rows, 0, sums);
}

/// Rows of the weight from n on with M rows of x, sums over lanes yet to come.
template <int N, int U, int R, int M, class Value>
MMI_INLINE void row_product(
    const float* const* x,
    const WeightRows<Value>& weight,
    std::int64_t in,
    std::int64_t n,
    typename Lanes<N>::Float (*result)[M]) {
  const Value* rows[R];
  for (int r = 0; r < R; ++r) {
    rows[r] = weight.data + (n + r) * weight.stride;
  }
  Sums<N, U, R, M> sums;
  multiply(x, rows, 0, in, sums);
  for (int r = 0; r < R; ++r) {
    for (int m = 0; m < M; ++m) {
      sums.total(r, m, result[r][m]);
    }
  }
}

template <int N, int U, int R, int M>
MMI_INLINE void row_product(
    const float* const* x,
    const Int8Rows& weight,
    std::int64_t in,
    std::int64_t n,
    typename Lanes<N>::Float (*result)[M]) {
  const std::int64_t groups = (in + kInt8Group - 1) / kInt8Group;
  const std::int8_t* rows[R];
  for (int r = 0; r < R; ++r) {
    rows[r] = weight.data + (n + r) * in;
    for (int m = 0; m < M; ++m) {
      result[r][m] = typename Lanes<N>::Float{};
    }
  }
  const auto add_group = [&](std::int64_t g, Sums<N, U, R, M>& sums) MMI_INLINED {
    for (int r = 0; r < R; ++r) {
      const float scale = weight.scales[(n + r) * groups + g];
      for (int m = 0; m < M; ++m) {
        typename Lanes<N>::Float total;
        sums.total(r, m, total);
        result[r][m] += total * scale;
      }
    }
  };
  const std::int64_t whole = in / kInt8Group;
  for (std::int64_t g = 0; g < whole; ++g) {
    Sums<N, U, R, M> sums;
    if constexpr (R == 1 && M > 2) {
      ahead(rows[0] + g * kInt8Group, kInt8Group);
    }
#pragma GCC unroll 16
    for (std::int64_t k = 0; k < kInt8Group; k += N * U) {
      add(x, rows, g * kInt8Group + k, sums);
    }
    add_group(g, sums);
  }
  if (whole < groups) {
    Sums<N, U, R, M> sums;
    multiply(x, rows, whole * kInt8Group, in, sums);
    add_group(whole, sums);
  }
}

/// R rows of the weight from `n` on with M rows of x from `m` on.
template <int N, int U, int R, int M, class Weight>
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
  typename Lanes<N>::Float result[R][M];
  row_product<N, U, R, M>(rows, weight, in, n, result);
  for (int r = 0; r < R; ++r) {
    for (int i = 0; i < M; ++i) {
      y[(m + i) * out + n + r] = Lanes<N>::sum(result[r][i]);
    }
  }
}

// Vectors of an instruction set, and so many `sums` of them as registers hold beside what is
// multiplied.
struct Plain {
  static constexpr int lanes = 4;
  static constexpr int sums = 8;
};

struct Avx2 {
  static constexpr int lanes = 8;
  static constexpr int sums = 8;
};

struct Avx512 {
  static constexpr int lanes = 16;
  static constexpr int sums = 24;
};

/// work<M>(m) for x's rows.
template <class Work>
MMI_INLINE void over_rows(std::int64_t count, const Work& work) {
  std::int64_t m = 0;
  for (; m + 4 <= count; m += 4) {
    work.template operator()<4>(m);
  }
  for (; m + 2 <= count; m += 2) {
    work.template operator()<2>(m);
  }
  if (m < count) {
    work.template operator()<1>(m);
  }
}

// Weights come from memory once, and from the cache for further rows of x. They are fastest read
// from end to end, a row at a time; but x, when it is long, leaves the fastest cache before the
// next row of weights needs it, so that several of those share it: measured with two rows of
// 4,864, 1.1 (floats) to 3 times (int8) as fast so, and with one of 1,024 0.7 times (bf16).
constexpr std::int64_t kNear = 5120;  // floats of x

// A row's products are summed in so many vectors: two, so that no
// multiplication waits for the one before, but one for the short groups of int8. For all counts of
// x's rows alike, since a row's result must not depend on those beside it.
template <class Weight>
constexpr int kVectors = 2;
template <>
constexpr int kVectors<Int8Rows> = 1;

template <class Set, class Weight>
MMI_INLINE void product(
    const Rows& x,
    const Weight& weight,
    std::int64_t in,
    std::int64_t from,
    std::int64_t to,
    float* y,
    std::int64_t out) {
  constexpr bool kFloat = std::is_same_v<Weight, FloatRows>;
  constexpr int kDeep = kVectors<Weight>;
  std::int64_t n = from;
  if (x.count * in > kNear) {
    for (; n + kBlockRows <= to; n += kBlockRows) {
      over_rows(x.count, [&]<int M>(std::int64_t m) MMI_INLINED {
        // More rows than these are read no faster; pairs of floats: 0.9 times with six.
        constexpr int kMost = kFloat && M == 2 ? 4 : 8;
        constexpr int kTogether = std::min(kMost, Set::sums / kDeep / M);
        static_assert(kBlockRows % kTogether == 0);
        for (int r = 0; r < kBlockRows; r += kTogether) {
          block<Set::lanes, kDeep, kTogether, M>(x, weight, in, n + r, m, y, out);
        }
      });
    }
  }
  for (; n < to; ++n) {
    over_rows(x.count, [&]<int M>(std::int64_t m) MMI_INLINED {
      block<Set::lanes, kDeep, 1, M>(x, weight, in, n, m, y, out);
    });
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
  work.template operator()<Avx2>();
}

template <class Work>
__attribute__((target("avx512f,avx512bw,avx512vl,fma"))) void with_avx512(const Work& work) {
  work.template operator()<Avx512>();
}

/// Runs an MMI_INLINED lambda <Plain, Avx2 or Avx512>, compiled for `set`.
template <class Work>
void compiled_for(InstructionSet set, const Work& work) {
  switch (set) {
    case InstructionSet::kAvx512:
      return with_avx512(work);
    case InstructionSet::kAvx2:
      return with_avx2(work);
    case InstructionSet::kPlain:
      return work.template operator()<Plain>();
  }
}
#else
template <class Work>
void compiled_for(InstructionSet /*set*/, const Work& work) {
  work.template operator()<Plain>();
}
#endif

}  // namespace

template <class Weight>
void thin_product(
    InstructionSet set,
    const Rows& x,
    const Weight& weight,
    std::int64_t in,
    std::int64_t from,
    std::int64_t to,
    float* y,
    std::int64_t out) {
  compiled_for(
      set, [&]<class Set>() MMI_INLINED { product<Set>(x, weight, in, from, to, y, out); });
}

template void thin_product(
    InstructionSet,
    const Rows&,
    const FloatRows&,
    std::int64_t,
    std::int64_t,
    std::int64_t,
    float*,
    std::int64_t);
template void thin_product(
    InstructionSet,
    const Rows&,
    const Bf16Rows&,
    std::int64_t,
    std::int64_t,
    std::int64_t,
    float*,
    std::int64_t);
template void thin_product(
    InstructionSet,
    const Rows&,
    const Int8Rows&,
    std::int64_t,
    std::int64_t,
    std::int64_t,
    float*,
    std::int64_t);

void unpack(InstructionSet set, const Bf16Rows& weight, const Panel& panel, float* to) {
  compiled_for(set, [&]<class Set>() MMI_INLINED {
    for (std::int64_t r = 0; r < panel.rows; ++r) {
      unpack_row<Set::lanes>(
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
  compiled_for(set, [&]<class Set>() MMI_INLINED {
    for (std::int64_t r = 0; r < panel.rows; ++r) {
      const std::int64_t row = panel.first_row + r;
      for (std::int64_t k = panel.first_column; k < end;) {
        const std::int64_t group = k / kInt8Group;
        const std::int64_t stop = std::min(end, (group + 1) * kInt8Group);
        unpack_group<Set::lanes>(
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
