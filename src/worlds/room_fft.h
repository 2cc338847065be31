#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "worlds/room_geometry.h"

namespace mmi::worlds::rooms {

/// A complex number of floats, or eight at once.
template <class T>
struct Complex {
  T re;
  T im;
};

/// e^(-2πi k / n) for k < n.
std::vector<Complex<float>> unit_roots(std::size_t n);

/// Discrete Fourier transform of a power of two, in order (Stockham's autosort, radix 4 and 2). Own
/// code because results must be the same whatever the number of threads, which the transform
/// libraries at hand do not promise, and because eight bands go through it at once. `x` is used up;
/// returns the one of both that holds the result.
template <class T>
MMI_INLINE Complex<T>* transform(
    std::size_t n, Complex<T>* x, Complex<T>* y, const Complex<float>* roots) {
  std::size_t stride = 1;
  for (std::size_t length = n; length > 1;) {
    if (length == 2) {
      for (std::size_t q = 0; q < stride; ++q) {
        const Complex<T> a = x[q];
        const Complex<T> b = x[q + stride];
        y[q] = {a.re + b.re, a.im + b.im};
        y[q + stride] = {a.re - b.re, a.im - b.im};
      }
      length = 1;
      std::swap(x, y);
      continue;
    }
    const std::size_t quarter = length / 4;
    for (std::size_t p = 0; p < quarter; ++p) {
      const Complex<float> w1 = roots[p * stride];
      const Complex<float> w2 = roots[2 * p * stride];
      const Complex<float> w3 = roots[3 * p * stride];
      const Complex<T>* from = x + stride * p;
      Complex<T>* to = y + 4 * stride * p;
      for (std::size_t q = 0; q < stride; ++q) {
        const Complex<T> a = from[q];
        const Complex<T> b = from[q + stride * quarter];
        const Complex<T> c = from[q + 2 * stride * quarter];
        const Complex<T> d = from[q + 3 * stride * quarter];
        const Complex<T> sum_ac{a.re + c.re, a.im + c.im};
        const Complex<T> dif_ac{a.re - c.re, a.im - c.im};
        const Complex<T> sum_bd{b.re + d.re, b.im + d.im};
        const Complex<T> turned{d.im - b.im, b.re - d.re};  // i (b - d)
        const Complex<T> u1{dif_ac.re - turned.re, dif_ac.im - turned.im};
        const Complex<T> u2{sum_ac.re - sum_bd.re, sum_ac.im - sum_bd.im};
        const Complex<T> u3{dif_ac.re + turned.re, dif_ac.im + turned.im};
        to[q] = {sum_ac.re + sum_bd.re, sum_ac.im + sum_bd.im};
        to[q + stride] = {w1.re * u1.re - w1.im * u1.im, w1.re * u1.im + w1.im * u1.re};
        to[q + 2 * stride] = {w2.re * u2.re - w2.im * u2.im, w2.re * u2.im + w2.im * u2.re};
        to[q + 3 * stride] = {w3.re * u3.re - w3.im * u3.im, w3.re * u3.im + w3.im * u3.re};
      }
    }
    length = quarter;
    stride *= 4;
    std::swap(x, y);
  }
  return x;
}

}  // namespace mmi::worlds::rooms
