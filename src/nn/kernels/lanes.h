#pragma once

#include <cstdint>
#include <cstring>

#define MMI_INLINE __attribute__((always_inline)) inline

/// Vectors for inner loops that are compiled for several instruction sets.
namespace mmi::nn::kernels {

// Vectors of N lanes; the compiler turns them into what the function they are inlined into may use.
// Written out, as GCC knows no vectors whose size depends on a template's parameter.
template <int N>
struct Vectors;

template <>
struct Vectors<4> {
  using Float = float __attribute__((vector_size(16)));
  using Bits = std::uint32_t __attribute__((vector_size(16)));
  using Half = std::uint16_t __attribute__((vector_size(8)));
  using Int = std::int32_t __attribute__((vector_size(16)));
  using Short = std::int16_t __attribute__((vector_size(8)));
  using Byte = std::int8_t __attribute__((vector_size(4)));
};

template <>
struct Vectors<8> {
  using Float = float __attribute__((vector_size(32)));
  using Bits = std::uint32_t __attribute__((vector_size(32)));
  using Half = std::uint16_t __attribute__((vector_size(16)));
  using Int = std::int32_t __attribute__((vector_size(32)));
  using Short = std::int16_t __attribute__((vector_size(16)));
  using Byte = std::int8_t __attribute__((vector_size(8)));
};

template <>
struct Vectors<16> {
  using Float = float __attribute__((vector_size(64)));
  using Bits = std::uint32_t __attribute__((vector_size(64)));
  using Half = std::uint16_t __attribute__((vector_size(32)));
  using Int = std::int32_t __attribute__((vector_size(64)));
  using Short = std::int16_t __attribute__((vector_size(32)));
  using Byte = std::int8_t __attribute__((vector_size(16)));
};

template <int N>
struct Lanes : Vectors<N> {
  using typename Vectors<N>::Float;
  using typename Vectors<N>::Bits;
  using typename Vectors<N>::Half;
  using typename Vectors<N>::Int;
  using typename Vectors<N>::Short;
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
    // In steps, since GCC 12 takes apart what is converted at once.
    const Int wide = __builtin_convertvector(__builtin_convertvector(byte, Short), Int);
    to = __builtin_convertvector(wide, Float);
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

}  // namespace mmi::nn::kernels
