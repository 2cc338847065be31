#include "mmi/dsp/spherical_head.h"

#include <gtest/gtest.h>

#include <cmath>

namespace mmi::dsp {
namespace {

constexpr double kPi = std::numbers::pi;

TEST(SphericalHead, DelaysAreWoodworths) {
  const SphericalHead head{.ear_rad = kPi / 2};
  const double crossing_s = 0.0875 / 343;
  // A source at 90 degrees: straight at one ear, a quarter of the way round to the other.
  EXPECT_NEAR(head.delay_s(kPi) - head.delay_s(0), crossing_s * (1 + kPi / 2), 1e-12);
  EXPECT_NEAR(head.delay_s(kPi) - head.delay_s(0), 0.65e-3, 0.05e-3);
  EXPECT_NEAR(head.delay_s(kPi / 2), 0, 1e-12);
  // With ears at 100 degrees the near one is 10 away, the far one 170.
  const double tenth = 10 * kPi / 180;
  EXPECT_NEAR(head.delay_s(kPi - tenth) - head.delay_s(tenth), 0.65e-3, 0.05e-3);
}

TEST(SphericalHead, TheFarEarIsInTheShadow) {
  const SphericalHead head;
  EXPECT_NEAR(SphericalHead::shadow(0), 2, 1e-12);
  EXPECT_NEAR(SphericalHead::shadow(150 * kPi / 180), 0.1, 1e-12);
  for (const double angle : {0.0, 1.0, 2.0, kPi}) {
    EXPECT_NEAR(std::abs(head.gain(angle, 0)), 1, 1e-12) << "low frequencies bend around it";
    EXPECT_NEAR(std::abs(head.gain(angle, 1e6)), SphericalHead::shadow(angle), 1e-3);
  }
  // Between 2 c / a = 1248 Hz and the shadow's limit: half-way in power at the corner for alpha 0.
  EXPECT_GT(std::abs(head.gain(0, 8000)), 1.9);
  EXPECT_LT(std::abs(head.gain(150 * kPi / 180, 8000)), 0.2);
}

TEST(SphericalHead, OneLowPassServesAllDirections) {
  const SphericalHead head;
  const double rate = 48000;
  const auto [b, a] = head.low_pass(rate);
  for (const double hz : {0.0, 300.0, 1248.0, 6000.0}) {
    // The bilinear transform is exact at the warped frequency.
    const double warped = rate / kPi * std::tan(kPi * hz / rate);
    const std::complex<double> z1 = std::polar(1.0, -2 * kPi * hz / rate);
    const std::complex<double> low = b * (1.0 + z1) / (1.0 + a * z1);
    for (const double angle : {0.2, 1.5, 2.8}) {
      const double alpha = SphericalHead::shadow(angle);
      EXPECT_LT(std::abs(alpha + (1 - alpha) * low - head.gain(angle, warped)), 1e-9);
    }
  }
}

TEST(SphericalHead, DiffuseFieldsAreCoherentBelowAndNotAbove) {
  const SphericalHead head;
  EXPECT_NEAR(head.diffuse_coherence(0), 1, 1e-12);
  EXPECT_GT(head.diffuse_coherence(125), 0.95);
  EXPECT_EQ(head.diffuse_coherence(2000), 0);
  EXPECT_GT(SphericalHead::diffuse_shadow(), 1);
  EXPECT_LT(SphericalHead::diffuse_shadow(), 1.5);
}

}  // namespace
}  // namespace mmi::dsp
