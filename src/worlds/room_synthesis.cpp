#include "worlds/room_synthesis.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <complex>
#include <numbers>
#include <utility>

#include "worlds/room_kernels.h"

namespace mmi::worlds::rooms {
namespace {

constexpr double kPi = std::numbers::pi;

// (phases + 1, taps): the sinc shifted by phase / phases, under a Kaiser window (beta 5: ripple
// below 0.1 % up to 90 % of the Nyquist frequency).
std::vector<float> make_taps(int phases, int taps) {
  constexpr double kBeta = 5;
  std::vector<float> made;
  for (int phase = 0; phase <= phases; ++phase) {
    const double shift = static_cast<double>(phase) / phases;
    for (int k = 0; k < taps; ++k) {
      const double x = k - (taps / 2 - 1) - shift;
      const double sinc = std::abs(x) < 1e-12 ? 1 : std::sin(kPi * x) / (kPi * x);
      const double r = x / (taps / 2.0);
      const double window = std::cyl_bessel_i(0, kBeta * std::sqrt(std::max(0.0, 1 - r * r))) /
                            std::cyl_bessel_i(0, kBeta);
      made.push_back(static_cast<float>(sinc * window));
    }
  }
  return made;
}

std::complex<double> high_pass(double frequency_hz, double corner_hz) {
  if (corner_hz <= 0) {
    return 1;
  }
  const std::complex<double> s(0, frequency_hz / corner_hz);
  return s * s / (s * s + std::numbers::sqrt2 * s + 1.0);
}

MMI_INLINE void add_signs(F8* out, std::int64_t count, const F8& level, Rng& signs) {
  std::uint32_t bits = 0;
  for (std::int64_t n = 0; n < count; ++n) {
    bits = n % 32 == 0 ? signs.next_u32() : bits >> 1;
    out[n] += (bits & 1) != 0 ? level : -level;
  }
}

}  // namespace

PulseTrain::PulseTrain(std::int64_t samples, double samples_per_metre)
    : samples_(samples),
      samples_per_metre_(samples_per_metre),
      bands_(static_cast<std::size_t>(samples + kTaps)),
      taps_(taps()) {}

const std::vector<float>& PulseTrain::taps() {
  static const std::vector<float> made = make_taps(kPhases, kTaps);
  return made;
}

void PulseTrain::clear() {
  std::fill(bands_.begin(), bands_.end(), F8{});
}

void PulseTrain::add_late(const F8* histogram, std::int64_t bins, double bin_samples, Rng& signs) {
  F8* start = bands_.data() + kTaps / 2 - 1;
  for (std::int64_t bin = 0; bin < bins; ++bin) {
    const auto edge = [&](std::int64_t b) {
      return std::min<std::int64_t>(samples_, std::llround(static_cast<double>(b) * bin_samples));
    };
    const std::int64_t from = edge(bin);
    const std::int64_t count = edge(bin + 1) - from;
    if (count <= 0) {
      continue;
    }
    F8 level;
    for (int b = 0; b < 8; ++b) {
      level[b] = std::sqrt(histogram[bin][b] / static_cast<float>(count));
    }
    kernels::widest([&]() MMI_INLINED { add_signs(start + from, count, level, signs); });
  }
}

std::vector<Complex<float>> unit_roots(std::size_t n) {
  std::vector<Complex<float>> roots;
  for (std::size_t k = 0; k < n; ++k) {
    const double angle = -2 * kPi * static_cast<double>(k) / static_cast<double>(n);
    roots.push_back({static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle))});
  }
  return roots;
}

// Filters ring before and after the response: 50 ms more than it takes are transformed.
BandMixer::BandMixer(std::int64_t samples, double sample_rate_hz, double high_pass_hz)
    : samples_(samples),
      half_(
          std::bit_ceil(static_cast<std::size_t>(
              samples + PulseTrain::kTaps + std::llround(0.05 * sample_rate_hz))) /
          2),
      half_roots_(unit_roots(half_)),
      whole_roots_(unit_roots(2 * half_)) {
  const double lead = PulseTrain::kTaps / 2 - 1;  // samples in front of time 0
  for (std::size_t k = 0; k <= half_; ++k) {
    const double share = static_cast<double>(k) / static_cast<double>(2 * half_);
    const std::complex<double> common =
        high_pass(share * sample_rate_hz, high_pass_hz) * std::polar(1.0, 2 * kPi * share * lead);
    const double octave = std::clamp(
        std::log2(std::max(1.0, share * sample_rate_hz) / kBandCentres_hz[0]),
        0.0,
        static_cast<double>(kBands - 1));
    const int band = std::min(static_cast<int>(octave), static_cast<int>(kBands) - 2);
    const double cosine = std::cos(0.5 * kPi * (octave - band));
    bins_.push_back(
        {band,
         static_cast<float>(cosine * cosine),
         {static_cast<float>(common.real()), static_cast<float>(common.imag())}});
  }
}

BandMixer::Space BandMixer::make_space() const {
  return {
      std::vector<Complex<F8>>(half_),
      std::vector<Complex<F8>>(half_),
      std::vector<Complex<float>>(half_ + 1),
      std::vector<Complex<float>>(half_ + 1)};
}

// Real values go through the transform in pairs: z = even + i odd. With a = Z(k) and b = Z(M - k)*,
// the spectrum is X(k) = ((a + b) - i w (a - b)) / 2, w = e^(-2πi k / 2M); the way back is
// 2 Z(k) = (X(k) + X(M - k)*) + i w* (X(k) - X(M - k)*).
void BandMixer::mix(const PulseTrain& train, Space& space, float* out) const {
  const std::vector<F8>& values = train.bands();
  kernels::widest([&]() MMI_INLINED {
    const std::size_t pairs = values.size() / 2;
    for (std::size_t n = 0; n < pairs; ++n) {
      space.bands[n] = {values[2 * n], values[2 * n + 1]};
    }
    if (values.size() % 2 != 0) {
      space.bands[pairs] = {values.back(), F8{}};
    }
    std::fill(
        space.bands.begin() + static_cast<std::ptrdiff_t>((values.size() + 1) / 2),
        space.bands.end(),
        Complex<F8>{});
    const Complex<F8>* z =
        transform(half_, space.bands.data(), space.other_bands.data(), half_roots_.data());
    const auto spectrum = [&](std::size_t k, int band) MMI_INLINED {
      const Complex<F8>& front = z[k % half_];
      const Complex<F8>& back = z[(half_ - k) % half_];
      const Complex<float> w = whole_roots_[k];
      const float even_re = front.re[band] + back.re[band];
      const float even_im = front.im[band] - back.im[band];
      const float odd_re = front.re[band] - back.re[band];
      const float odd_im = front.im[band] + back.im[band];
      return Complex<float>{
          0.5F * (even_re + w.re * odd_im + w.im * odd_re),
          0.5F * (even_im - w.re * odd_re + w.im * odd_im)};
    };
    for (std::size_t k = 0; k <= half_; ++k) {
      const Bin& bin = bins_[k];
      const Complex<float> low = spectrum(k, bin.band);
      const Complex<float> high = spectrum(k, bin.band + 1);
      const float re = high.re + bin.gain * (low.re - high.re);
      const float im = high.im + bin.gain * (low.im - high.im);
      space.sum[k] = {
          re * bin.common.re - im * bin.common.im, re * bin.common.im + im * bin.common.re};
    }
    // The inverse is the transform of real and imaginary part exchanged.
    for (std::size_t k = 0; k < half_; ++k) {
      const Complex<float> front = space.sum[k];
      const Complex<float> back{space.sum[half_ - k].re, -space.sum[half_ - k].im};
      const Complex<float> w = whole_roots_[k];
      const float dif_re = front.re - back.re;
      const float dif_im = front.im - back.im;
      space.other_sum[k] = {
          front.im + back.im + w.re * dif_re + w.im * dif_im,
          front.re + back.re - w.re * dif_im + w.im * dif_re};
    }
    const Complex<float>* wave =
        transform(half_, space.other_sum.data(), space.sum.data(), half_roots_.data());
    const float scale = 0.5F / static_cast<float>(half_);
    for (std::int64_t n = 0; n < samples_; ++n) {
      const Complex<float>& pair = wave[n / 2];
      out[n] = scale * (n % 2 == 0 ? pair.im : pair.re);
    }
  });
}

}  // namespace mmi::worlds::rooms
