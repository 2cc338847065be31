#include "mmi/dsp/octave_filter.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

#include "mmi/base/errors.h"

namespace mmi::dsp {
namespace {

constexpr double kDiedAway = 2e-5;  // amplitude of the slowest pole's share

using Complex = std::complex<double>;

// Octaves of base ten (IEC 61260-1): three of them are not quite a factor of eight.
double exact_centre(double nominal_hz) {
  return 1000.0 * std::pow(10.0, 0.3 * std::round(std::log10(nominal_hz / 1000.0) / 0.3));
}

// s of the analogue prototype -> z.
Complex bilinear(Complex s) {
  return (1.0 + s) / (1.0 - s);
}

}  // namespace

OctaveFilter::OctaveFilter(double centre_hz, std::int64_t sample_rate_hz)
    : sample_rate_hz_(sample_rate_hz) {
  MMI_CHECK(
      ConfigError,
      sample_rate_hz > 0,
      "an octave filter needs a positive sample rate, but got {} Hz",
      sample_rate_hz);
  const bool positive = std::isfinite(centre_hz) && centre_hz > 0;
  centre_hz_ = positive ? exact_centre(centre_hz) : 0;
  MMI_CHECK(
      ConfigError,
      positive && std::abs(centre_hz / centre_hz_ - 1) < 0.03,
      "{} Hz is no centre of an octave: use 63, 125, 250, 500, 1000, 2000, 4000 or 8000",
      centre_hz);
  const auto rate = static_cast<double>(sample_rate_hz);
  MMI_CHECK(
      ConfigError,
      upper_hz() < rate / 2,
      "the octave at {} Hz reaches up to {:.0f} Hz, which {} samples a second cannot hold: leave "
      "it out",
      centre_hz,
      upper_hz(),
      sample_rate_hz);
  const double low = std::tan(std::numbers::pi * lower_hz() / rate);
  const double high = std::tan(std::numbers::pi * upper_hz() / rate);
  const double width = high - low;
  // Roots of s^2 - pole width s + low high = 0: a pole of the low-pass becomes two of the
  // band-pass.
  const auto roots = [&](Complex pole) {
    const Complex half = 0.5 * width * pole;
    const Complex offset = std::sqrt(half * half - low * high);
    return std::array{bilinear(half + offset), bilinear(half - offset)};
  };
  const auto real_pole = roots(-1.0);
  const auto pair = roots(std::polar(1.0, 2.0 * std::numbers::pi / 3.0));
  const std::array<std::array<Complex, 2>, 3> poles{
      real_pole, std::array{pair[0], std::conj(pair[0])}, std::array{pair[1], std::conj(pair[1])}};
  // Over an octave the lowest pole is the slowest, by half.
  double slowest = 0;
  for (const auto& pole : poles) {
    slowest = std::max({slowest, std::abs(pole[0]), std::abs(pole[1])});
  }
  ring_samples_ = static_cast<std::size_t>(std::ceil(std::log(kDiedAway) / std::log(slowest)));
  const double middle_rad = 2.0 * std::atan(std::sqrt(low * high));
  const Complex z1 = std::polar(1.0, -middle_rad);
  for (std::size_t i = 0; i < 3; ++i) {
    const double a1 = -(poles[i][0] + poles[i][1]).real();
    const double a2 = (poles[i][0] * poles[i][1]).real();
    sections_[i] = {std::abs((1.0 + a1 * z1 + a2 * z1 * z1) / (1.0 - z1 * z1)), a1, a2};
  }
}

double OctaveFilter::centre_hz() const {
  return centre_hz_;
}

double OctaveFilter::lower_hz() const {
  return centre_hz_ * std::pow(10.0, -0.15);
}

double OctaveFilter::upper_hz() const {
  return centre_hz_ * std::pow(10.0, 0.15);
}

double OctaveFilter::gain(double frequency_hz) const {
  const Complex z1 = std::polar(
      1.0, -2.0 * std::numbers::pi * frequency_hz / static_cast<double>(sample_rate_hz_));
  double product = 1;
  for (const Section& s : sections_) {
    product *= std::abs(s.gain * (1.0 - z1 * z1) / (1.0 + s.a1 * z1 + s.a2 * z1 * z1));
  }
  return product;
}

// In place; all sections in one loop, so that the processor overlaps them.
template <class Iterator>
void OctaveFilter::run(Iterator begin, Iterator end) const {
  std::array<double, 3> first{};
  std::array<double, 3> second{};
  for (; begin != end; ++begin) {
    double x = *begin;
    for (std::size_t i = 0; i < 3; ++i) {
      const Section& s = sections_[i];
      const double in = s.gain * x;
      x = in + first[i];
      first[i] = second[i] - s.a1 * x;
      second[i] = -in - s.a2 * x;
    }
    *begin = x;
  }
}

std::vector<double> OctaveFilter::forward(std::span<const float> waveform) const {
  std::vector<double> out(waveform.size() + ring_samples_, 0.0);
  std::copy(waveform.begin(), waveform.end(), out.begin());
  run(out.begin(), out.end());
  return out;
}

std::vector<double> OctaveFilter::backward(std::span<const float> waveform) const {
  std::vector<double> out(waveform.size() + ring_samples_, 0.0);
  std::copy(waveform.rbegin(), waveform.rend(), out.rbegin());
  run(out.rbegin(), out.rend());
  return out;
}

}  // namespace mmi::dsp
