#include "mmi/dsp/spherical_head.h"

#include <cmath>

namespace mmi::dsp {
namespace {

constexpr double kPi = std::numbers::pi;
constexpr double kLeast = 0.1;  // alpha where the shadow is deepest
constexpr double kDeepest_rad = 150 * kPi / 180;

}  // namespace

double SphericalHead::delay_s(double incidence_rad) const {
  const double crossing_s = radius_m / speed_of_sound;
  return incidence_rad < kPi / 2 ? -crossing_s * std::cos(incidence_rad)
                                 : crossing_s * (incidence_rad - kPi / 2);
}

double SphericalHead::shadow(double incidence_rad) {
  return 1 + kLeast / 2 + (1 - kLeast / 2) * std::cos(incidence_rad / kDeepest_rad * kPi);
}

std::complex<double> SphericalHead::gain(double incidence_rad, double frequency_hz) const {
  const std::complex<double> s(0, 2 * kPi * frequency_hz * radius_m / (2 * speed_of_sound));
  return (1.0 + shadow(incidence_rad) * s) / (1.0 + s);
}

SphericalHead::LowPass SphericalHead::low_pass(double sample_rate_hz) const {
  const double k = 2 * sample_rate_hz * radius_m / (2 * speed_of_sound);
  return {1 / (1 + k), (1 - k) / (1 + k)};
}

double SphericalHead::diffuse_shadow() {
  static const double made = [] {
    constexpr int kSteps = 2000;
    double sum = 0;
    for (int i = 0; i < kSteps; ++i) {
      const double angle = std::acos(1 - 2 * (i + 0.5) / kSteps);  // equal areas
      sum += shadow(angle) * shadow(angle);
    }
    return std::sqrt(sum / kSteps);
  }();
  return made;
}

double SphericalHead::diffuse_coherence(double frequency_hz) const {
  const double apart_m = 2 * radius_m * std::sin(ear_rad);
  const double kd = 2 * kPi * frequency_hz * apart_m / speed_of_sound;
  return kd >= kPi ? 0 : kd > 0 ? std::sin(kd) / kd : 1;
}

}  // namespace mmi::dsp
