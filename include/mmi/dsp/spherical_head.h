#pragma once

#include <complex>
#include <cstdint>
#include <numbers>
#include <vector>

#include "mmi/base/api.h"

namespace mmi::dsp {

/// What a rigid sphere does to a plane wave on its way to an ear, against the same wave in the
/// middle of the sphere without it (Brown & Duda, "A structural model for binaural sound
/// synthesis", IEEE Trans. Speech Audio Process. 6, 1998): a delay (Woodworth) and a filter of one
/// pole and one zero. Angles of incidence are between the wave's direction of arrival and the ear,
/// as both are seen from the middle, 0..pi.
struct MMI_API SphericalHead {
  double radius_m = 0.0875;
  double ear_rad = 100 * std::numbers::pi / 180;  ///< between the nose and each ear
  double speed_of_sound = 343;                    ///< m/s

  /// Negative at the near ear: -a/c cos(angle), behind the horizon a/c (angle - pi/2).
  double delay_s(double incidence_rad) const;

  /// Gain of high frequencies, alpha: 2 in front of the ear, 0.1 at 150 degrees.
  static double shadow(double incidence_rad);

  /// (1 + alpha s / beta) / (1 + s / beta), beta = 2 c / a, without the delay. It equals
  /// alpha + (1 - alpha) / (1 + s / beta): one low-pass serves all directions.
  std::complex<double> gain(double incidence_rad, double frequency_hz) const;

  /// Coefficients b, a of that low-pass by the bilinear transform:
  /// y[n] = b (x[n] + x[n-1]) - a y[n-1].
  struct LowPass {
    double b;
    double a;
  };

  LowPass low_pass(double sample_rate_hz) const;

  /// Root mean square of shadow() over all directions: what a diffuse field gains.
  static double diffuse_shadow();

  /// Coherence of a diffuse field between the ears, as between two free points at their distance
  /// (Cook et al., J. Acoust. Soc. Am. 27, 1955): sin(kd) / kd, from its first zero on 0.
  double diffuse_coherence(double frequency_hz) const;
};

}  // namespace mmi::dsp
